"""A model of authentication: who asks, how that is shown, and what it permits.

specification   providers, and what a route requires
strict_json     objects as a token may carry them (RFC 8259, RFC 8725 section 2.6)
compact         a token taken apart (RFC 7515 section 7.1), nothing of it believed
claims          the registered claims (RFC 7519 section 4.1) at a given time
ring            which keys a token may be checked with, and whether its signature is theirs
credential      where a request carries what it shows (RFC 6750 section 2.1)
principal       who it is, and the lines that say so to the upstream
rule            what a route requires of a principal
revocation      what has been taken back before its time
memory          what was verified or refused before, and may be known without looking again
authentication  all of it, in order
"""
