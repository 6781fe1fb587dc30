"""Generators of gate specifications and of requests and responses, honest and hostile.

They draw from few names on purpose: collisions are where rules meet. What the design leaves
open (say, two different X-Request-ID lines of one trusted proxy) is not generated.
"""
