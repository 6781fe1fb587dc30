"""What gateways share: Redis.

store    what a client offers, and how it fails
redis    makes clients from the configuration
"""
