"""Public collections of hostile and unusual messages, each with its verdict asserted."""
