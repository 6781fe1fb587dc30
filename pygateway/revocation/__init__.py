"""Tokens that end before their time, and how every gateway comes to know them.

entry      one revocation: its forms, and the law by which two of them merge
ledger     what a gateway holds: a bounded set of merged entries
journal    the file that keeps them where there is no Redis
shared     what Redis holds for all gateways
follower   keeps a gateway and Redis at one; the place of the invariants
register   one gateway's revocations: ledger, journal and follower
lifetime   how long an entry has to be kept (arithmetic)
"""
