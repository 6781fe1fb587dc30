"""Raw bytes to a running gateway, raw bytes from a scripted upstream."""
