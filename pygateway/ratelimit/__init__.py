"""Counting requests for all gateways at once: what this machine asks of Redis, and how.

The law itself, and everything that can be decided without asking, is native. Here is the way to
the store, which no request waits for longer than `redis.timeout`.

script      the one script that Redis runs, its arguments and its answers
breaker     when Redis is asked at all; no clock, no network
connection  commands and answers on one connection, in batches with a deadline
link        one Redis server: connects, sends, notices what fails, comes back
pipeline    which link a key belongs to: the one there is
cluster     the same for Redis Cluster
heartbeat   how many gateways live, and whether Redis still holds what it held
limiter     what the gateway uses: acquire and give back
"""
