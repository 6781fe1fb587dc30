"""Who the client is, and the forwarded family that the upstream is told."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from tests.door.model.fields import elements, values
from tests.door.model.host import is_host
from tests.door.model.verdict import Fields, Peer


def is_trusted(address: str, networks: Sequence[str]) -> bool:
    """Whether this address belongs to one of the trusted proxies."""
    return any(
        ipaddress.ip_address(address) in ipaddress.ip_network(network) for network in networks
    )


def make_peer(address: str, secure: bool, networks: Sequence[str]) -> Peer:
    """A unix socket has no address and is trusted."""
    return Peer(address, secure, address == "" or is_trusted(address, networks))


def client_address(fields: Fields, peer: Peer, networks: Sequence[str]) -> str:
    """Walk X-Forwarded-For from the right for as long as it was written by trusted proxies.

    Whatever is no address ends the walk: what stands left of it was not vouched for by a proxy
    that knew its client. Empty elements do not count (RFC 9110 section 5.6.1).
    """
    client = peer.address
    if not peer.trusted:
        return client
    for hop in reversed(elements(values(fields, b"x-forwarded-for"))):
        try:
            address = str(ipaddress.ip_address(hop.decode("ascii")))
        except ValueError:
            break
        client = address
        if not is_trusted(address, networks):
            break
    return client


def forwarded_fields(fields: Fields, peer: Peer, host: bytes | None) -> Fields:
    """X-Forwarded-For, -Proto and -Host, as the upstream gets them."""
    hops = elements(values(fields, b"x-forwarded-for")) if peer.trusted else []
    if peer.address:
        hops.append(peer.address.encode())
    proto = b"https" if peer.secure else b"http"
    named = host
    if peer.trusted:
        protos = values(fields, b"x-forwarded-proto")
        hosts = values(fields, b"x-forwarded-host")
        proto = protos[0] if protos and protos[0] in {b"http", b"https"} else proto
        named = hosts[0] if hosts and is_host(hosts[0]) else named
    written: Fields = [(b"X-Forwarded-Proto", proto)]
    if hops:
        written.append((b"X-Forwarded-For", b", ".join(hops)))
    if named is not None:
        written.append((b"X-Forwarded-Host", named))
    return written
