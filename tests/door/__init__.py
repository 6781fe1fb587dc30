"""The native door compared with a plain-Python model of it."""
