"""The configuration: what users write, checked and frozen.

`load` reads a file, the environment and the command line into a `Config`; `check` also builds what
running would build and returns warnings; `gate_specification` is what the native gate needs of it.
"""

from pygateway.errors import ConfigurationError, ConfigurationProblem

from .environment import Overrides
from .gate_specification import gate_specification
from .loader import build_gate, check, load, load_mapping, load_text
from .model.access import RouteAuth
from .model.admin import Admin, is_loopback
from .model.api_keys import ApiKey, ApiKeys
from .model.auth import Auth, Revocation, TokenCache
from .model.forward_auth import ForwardAuth
from .model.headers import Cors, HeaderChanges, HeaderPolicy, SecurityHeaders
from .model.limits import Limits, RouteLimits
from .model.listeners import Listener
from .model.log import Log, LogFormat, LogLevel
from .model.providers import Jwks, Provider, PublicKey, SharedSecret, TokenSource
from .model.rate_limits import KeyPart, RateLimitExemptions, RateLimitPolicy, RouteRateLimit
from .model.redis import Redis
from .model.root import Config
from .model.routes import FixedResponse, Match, Redirect, Rewrite, Route, UpstreamShare
from .model.timeouts import TimeoutOverrides, Timeouts
from .model.tracing import Tracing
from .model.upstreams import Endpoint, Pool, Retry, Upstream, UpstreamTls
from .reference import reference
from .schema import json_schema
from .syntax.addresses import Address, EndpointLocation
from .syntax.json_values import ClaimCondition
from .syntax.urls import RedisLocation

__all__ = [
    "Address",
    "Admin",
    "ApiKey",
    "ApiKeys",
    "Auth",
    "ClaimCondition",
    "Config",
    "ConfigurationError",
    "ConfigurationProblem",
    "Cors",
    "Endpoint",
    "EndpointLocation",
    "FixedResponse",
    "ForwardAuth",
    "HeaderChanges",
    "HeaderPolicy",
    "Jwks",
    "KeyPart",
    "Limits",
    "Listener",
    "Log",
    "LogFormat",
    "LogLevel",
    "Match",
    "Overrides",
    "Pool",
    "Provider",
    "PublicKey",
    "RateLimitExemptions",
    "RateLimitPolicy",
    "Redirect",
    "Redis",
    "RedisLocation",
    "Retry",
    "Revocation",
    "Rewrite",
    "Route",
    "RouteAuth",
    "RouteLimits",
    "RouteRateLimit",
    "SecurityHeaders",
    "SharedSecret",
    "TimeoutOverrides",
    "Timeouts",
    "TokenCache",
    "TokenSource",
    "Tracing",
    "Upstream",
    "UpstreamShare",
    "UpstreamTls",
    "build_gate",
    "check",
    "gate_specification",
    "is_loopback",
    "json_schema",
    "load",
    "load_mapping",
    "load_text",
    "reference",
]
