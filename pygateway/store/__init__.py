"""What gateways share: Redis.

store        what a client offers, and how it fails
connections  makes single connections from the configuration
redis        makes clients from the configuration
"""
