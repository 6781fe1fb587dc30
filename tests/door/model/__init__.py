"""A model of the door: slow, plain and meant to be checked by reading.

Every module here states one rule of the gateway the way its RFC states it, without sharing a
line or a data structure with the native core. `gate.ModelGate` puts them together.

    specification   what a gate is built from, and its JSON
    verdict         what a gate answers
    fields          header field syntax and lists (RFC 9110 section 5)
    framing         where a message ends (RFC 9112 section 6.3)
    host            Host syntax (RFC 9110 section 7.2)
    target          forms of the request target (RFC 9112 section 3.2)
    path            the canonical path and its other readings (RFC 3986 section 6)
    routing         which route takes a request, by trying them all
    template        path and location templates, prefixes
    hop_by_hop      which fields end at the gateway (RFC 9110 section 7.6.1)
    forwarded       who the client is, and what the upstream is told about it
    identity        request ids (RFC 9562) and traceparent (W3C Trace Context)
    cors            cross-origin answers (WHATWG Fetch)
    request_head    the head that the upstream receives
    response_head   the head that the client receives, of an upstream's response or of a reply
    authentication  who asks, how that is shown, and what it permits
    gate            all of it, in the order of a request's life
"""
