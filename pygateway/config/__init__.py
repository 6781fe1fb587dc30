"""The configuration: what users write, checked and frozen.

`load` reads a file, the environment and the command line into a `Config`; `check` also builds what
running would build and returns warnings; `gate_specification` is what the native gate needs of it.
"""

from pygateway.errors import ConfigurationError, ConfigurationProblem

from .environment import Overrides
from .gate_specification import gate_specification
from .loader import build_gate, check, load, load_mapping, load_text
from .model.headers import Cors, HeaderChanges, HeaderPolicy, SecurityHeaders
from .model.limits import Limits, RouteLimits
from .model.listeners import Listener
from .model.root import Config
from .model.routes import FixedResponse, Match, Redirect, Rewrite, Route, UpstreamShare
from .model.timeouts import TimeoutOverrides, Timeouts
from .model.upstreams import Endpoint, Pool, Retry, Upstream, UpstreamTls
from .reference import reference
from .schema import json_schema
from .syntax.addresses import Address, EndpointLocation

__all__ = [
    "Address",
    "Config",
    "ConfigurationError",
    "ConfigurationProblem",
    "Cors",
    "Endpoint",
    "EndpointLocation",
    "FixedResponse",
    "HeaderChanges",
    "HeaderPolicy",
    "Limits",
    "Listener",
    "Match",
    "Overrides",
    "Pool",
    "Redirect",
    "Retry",
    "Rewrite",
    "Route",
    "RouteLimits",
    "SecurityHeaders",
    "TimeoutOverrides",
    "Timeouts",
    "Upstream",
    "UpstreamShare",
    "UpstreamTls",
    "build_gate",
    "check",
    "gate_specification",
    "json_schema",
    "load",
    "load_mapping",
    "load_text",
    "reference",
]
