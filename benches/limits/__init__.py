"""Benches of rate limits; `python -m benches.rate_limits` runs them."""
