"""Configurations that users might write, for hypothesis."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pygateway.config.model.access_log import LogField

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Machines may be busy: how long an example takes says nothing here."""

Mapping = dict[str, Any]

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)
LABELS = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
HOSTS = st.one_of(
    LABELS, st.builds("{}.example".format, LABELS), st.just("127.0.0.1"), st.just("[::1]")
)
PORTS = st.integers(min_value=1, max_value=65535)
HEADER_NAMES = st.builds("X-{}".format, LABELS)
HEADER_VALUES = st.from_regex(r"([!-~]([ -~]{0,10}[!-~])?)?", fullmatch=True).filter(
    lambda value: "${" not in value
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE"])
SEGMENTS = st.one_of(LABELS, st.just("%C3%A9"), st.just("a;b"), st.just("%2F"))


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(values, max_size=3, unique_by=str.lower)


@st.composite
def path_patterns(draw: st.DrawFn) -> str:
    segments = draw(st.lists(SEGMENTS, max_size=3))
    parameters = draw(st.lists(st.sampled_from(["id", "name"]), max_size=2, unique=True))
    end = draw(st.sampled_from(["", "*"]))
    parts = [*segments, *(f"{{{parameter}}}" for parameter in parameters)]
    return "/" + "/".join([*parts, end] if end or not parts else parts)


def sections(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Mapping]:
    """A mapping with any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


LONG = st.text(alphabet="abcXYZ019-_", min_size=64, max_size=70)
SCOPES = st.sampled_from(["read", "users:read", "a/b"])
CLAIM_PATHS = st.sampled_from(["sub", "realm_access.roles", r"https://x\.example/a", '"a.b".c'])
SCALARS = st.one_of(st.booleans(), st.integers(-9, 9), st.just(0.5), LABELS)
CLAIM_RULES = st.one_of(
    SCALARS,
    st.lists(SCALARS, min_size=1, max_size=2),
    st.just({"matches": "[a-z]+@x"}),
    st.builds(lambda value: {"equals": value}, SCALARS),
)
SHARED_KEYS: Mapping = {
    "claims_to_headers": st.dictionaries(CLAIM_PATHS, st.just("X-Claim"), max_size=1),
    "token_from": st.lists(
        st.sampled_from(["bearer", {"cookie": "session"}, {"header": "X-Credential"}]),
        min_size=1,
        unique_by=str,
    ),
}
TOKEN_KEYS: Mapping = SHARED_KEYS | {
    "audiences": some(LABELS),
    "leeway": st.sampled_from(["0s", 30, "10m"]),
    "types": st.just(["at+jwt"]),
    "required_claims": some(LABELS),
    "longest_life": st.sampled_from(["1h", "30d"]),
    "scope_claim": CLAIM_PATHS,
    "roles_claim": CLAIM_PATHS,
}
PROVIDERS = st.one_of(
    st.fixed_dictionaries(
        {"secrets": LONG.map(lambda secret: [{"value": secret}])},
        optional=TOKEN_KEYS | {"algorithms": st.sampled_from([["HS256"], ["HS384", "HS512"]])},
    ),
    st.fixed_dictionaries(
        {
            "issuer": st.just("https://idp.example"),
            "jwks_url": st.just("https://idp.example/keys"),
        },
        optional=TOKEN_KEYS
        | {
            "algorithms": st.just(["RS256", "PS512", "ES256K", "EdDSA"]),
            "jwks": sections(refresh=st.just("1m"), keys=st.integers(1, 9)),
        },
    ),
    st.fixed_dictionaries(
        {
            "api_keys": st.builds(
                lambda pepper, claims: {
                    "pepper": pepper,
                    "keys": [{"id": "k", "hash": "0f" * 32, "owner": "o", "claims": claims}],
                },
                LONG,
                st.dictionaries(LABELS, st.recursive(SCALARS, st.lists, max_leaves=3), max_size=2),
            )
        },
        optional=SHARED_KEYS,
    ),
    st.just({"forward_auth": {"url": "http://127.0.0.1:1/x", "response_headers": ["X-User"]}}),
)


@st.composite
def route_auth(draw: st.DrawFn, providers: Mapping) -> object:
    """What a route demands, with any of these providers."""
    asked = [name for name, provider in providers.items() if "forward_auth" not in provider]
    services = [name for name in providers if name not in asked]
    if services and (not asked or draw(st.booleans())):
        return {"provider": draw(st.sampled_from(services))}
    names = draw(st.lists(st.sampled_from(asked), min_size=1, unique=True))
    return {"provider": names} | draw(
        sections(
            optional=st.booleans(),
            scopes=st.lists(SCOPES, max_size=2),
            any_scopes=st.lists(SCOPES, max_size=2),
            roles=some(LABELS),
            claims=st.dictionaries(CLAIM_PATHS, CLAIM_RULES, max_size=2),
            authorization=st.sampled_from(["pass", "remove"]),
        )
    )


MATCHES = sections(
    hosts=some(st.one_of(HOSTS, st.builds("*.{}.example".format, LABELS))),
    paths=some(path_patterns()),
    methods=some(METHODS),
    headers=st.dictionaries(HEADER_NAMES, st.none() | HEADER_VALUES, max_size=2),
    query=st.dictionaries(LABELS, st.none() | LABELS, max_size=2),
)
CHANGES = sections(
    set=st.dictionaries(st.builds("S-{}".format, LABELS), HEADER_VALUES, max_size=2),
    add=st.dictionaries(
        st.builds("A-{}".format, LABELS),
        HEADER_VALUES | st.lists(HEADER_VALUES, min_size=1, max_size=2),
        max_size=2,
    ),
    remove=some(st.builds("R-{}".format, LABELS)),
)
ACCESS_LOGS = st.sampled_from([None, False, "off", "stderr", "access.log"]) | sections(
    path=st.sampled_from(["stdout", "stderr", "access.log"]),
    fields=st.lists(st.sampled_from(get_args(LogField)), min_size=1, max_size=22, unique=True),
    sample=st.floats(0, 1),
    buffer=st.sampled_from(["64KiB", 100_000, "256MiB"]),
)
SECURITY_HEADERS = st.sampled_from(["default", "none"]) | st.dictionaries(
    HEADER_NAMES, st.none() | HEADER_VALUES, max_size=2
)
CORS = st.fixed_dictionaries(
    {"origins": st.lists(st.builds("https://{}.example".format, LABELS), min_size=1, max_size=2)},
    optional={
        "methods": some(METHODS),
        "headers": some(HEADER_NAMES) | st.just(["*"]),
        "expose": some(HEADER_NAMES),
        "credentials": st.booleans(),
        "max_age": st.sampled_from(["5s", 60, "1h", 0.5]),
    },
)
REDIRECTS = st.sampled_from(
    ["/elsewhere", "https://{host}{path}", {"status": 302, "location": "{path}?x={query}"}]
)
RESPONSES = sections(
    status=st.integers(min_value=200, max_value=599).filter(lambda s: s not in {204, 205, 304}),
    headers=st.dictionaries(HEADER_NAMES, HEADER_VALUES, max_size=2),
    body=st.text(max_size=10).filter(lambda body: "${" not in body),
)
REWRITES = sections(
    strip_prefix=st.just("/a"),
    add_prefix=st.just("/b/c"),
    host=st.sampled_from(["preserve", "upstream", "users.internal:8080"]),
) | st.fixed_dictionaries({"path": st.sampled_from(["/v2{path}", "/x/{host}"])})
TIMEOUTS = sections(
    connect=st.sampled_from(["50ms", "3s", 0.5]),
    response=st.integers(min_value=1, max_value=3600),
    request=st.sampled_from(["1h30m", "1d"]),
)
ENDPOINTS = st.one_of(
    st.builds("http://{}:{}".format, HOSTS, PORTS),
    st.builds("https://{}".format, HOSTS),
    st.just("unix:/run/app.sock"),
    st.fixed_dictionaries({"url": st.just("http://a:1"), "weight": st.integers(1, 1000)}),
)
UPSTREAMS = st.fixed_dictionaries(
    {"endpoints": st.lists(ENDPOINTS, min_size=1, max_size=3)},
    optional={
        "balancer": st.sampled_from(["round_robin", "least_requests"]),
        "pool": sections(max_idle=st.integers(0, 100), idle_timeout=st.sampled_from(["1s", 0.25])),
        "tls": sections(verify=st.booleans(), server_name=HOSTS),
        "retry": sections(attempts=st.integers(1, 10)),
        "timeouts": TIMEOUTS,
    },
)

KEY_PARTS = st.one_of(
    st.sampled_from(["user", "ip", "api_key", "route"]),
    st.builds(lambda name: {"header": name}, HEADER_NAMES),
    st.builds(lambda path: {"claim": path}, CLAIM_PATHS),
)
KEYS = st.just("global") | KEY_PARTS | st.lists(KEY_PARTS, min_size=1, max_size=3, unique_by=str)
SHARED_LIMIT_KEYS: Mapping = {
    "ipv4_prefix": st.integers(1, 32),
    "ipv6_prefix": st.integers(1, 128),
    "exempt": sections(
        networks=st.just(["10.0.0.0/8", "2001:db8::1"]),
        subjects=some(LABELS),
        scopes=st.just(["a"]),
    ),
    "shadow": st.booleans(),
}
RATE_LIMITS = st.one_of(
    st.fixed_dictionaries(
        {
            "by": KEYS,
            "quota": st.integers(10, 2**26),
            "window": st.sampled_from(["100ms", 60, "1d", 0.123]),
        },
        optional=SHARED_LIMIT_KEYS
        | {
            "concurrency": st.integers(1, 2000),
            "mode": st.just("local"),
            "tier_claim": CLAIM_PATHS,
            "tiers": st.dictionaries(LABELS, st.integers(10, 2**26), max_size=2),
            "cost_header": HEADER_NAMES,
        },
    ),
    st.fixed_dictionaries(
        {"by": KEYS, "concurrency": st.integers(1, 2000)}, optional=SHARED_LIMIT_KEYS
    ),
)


@st.composite
def route_rate_limits(draw: st.DrawFn, limits: Mapping) -> object:
    """Which of these limits a route has."""
    names = draw(st.lists(st.sampled_from(list(limits)), unique=True)) if limits else []
    costs = [
        {"name": n, "cost": draw(st.integers(1, 10))} if "quota" in limits[n] else n for n in names
    ]
    return draw(st.sampled_from([names, costs, *names]))


@st.composite
def routes(
    draw: st.DrawFn, name: str, upstreams: list[str], providers: Mapping, limits: Mapping
) -> Mapping:
    route: Mapping = {"name": name}
    kinds = ["redirect", "respond", *(["upstream"] if upstreams else [])]
    match draw(st.sampled_from(kinds)):
        case "redirect":
            route["redirect"] = draw(REDIRECTS)
        case "respond":
            route["respond"] = draw(RESPONSES)
        case _:
            used = draw(st.lists(st.sampled_from(upstreams), min_size=1, unique=True))
            route["upstream"] = draw(
                st.sampled_from([used[0], used, [{"name": used[0], "weight": 3}, *used[1:]]])
            )
            route |= draw(sections(rewrite=REWRITES, timeouts=TIMEOUTS))
    return route | draw(
        sections(
            match=MATCHES,
            auth=st.just("none") | route_auth(providers) if providers else st.just("none"),
            rate_limits=route_rate_limits(limits),
            headers=sections(request=CHANGES, response=CHANGES),
            security_headers=SECURITY_HEADERS,
            cors=CORS,
            limits=sections(body_bytes=st.sampled_from([0, "1GB", 17])),
        )
    )


@st.composite
def configurations(draw: st.DrawFn) -> Mapping:
    """A whole configuration without errors."""
    upstreams = draw(st.dictionaries(NAMES, UPSTREAMS, max_size=3))
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    providers = draw(st.dictionaries(NAMES, PROVIDERS, max_size=3))
    limits = draw(st.dictionaries(NAMES, RATE_LIMITS, max_size=3))
    auth = draw(
        sections(
            realm=st.just("api"),
            token_bytes=st.just("16KiB"),
            cache=sections(size=st.just("1MiB"), ttl=st.just("1m")),
            revocation=sections(when_stale=st.sampled_from(["allow", "deny"])),
        )
    )
    if providers:
        # Several services without anything else would need to be told which one is asked.
        auth |= {"providers": providers, "default": draw(st.sampled_from(list(providers)))}
    return {
        "auth": auth,
        "upstreams": upstreams,
        "rate_limits": limits,
        "default_rate_limits": draw(st.sampled_from([[], list(limits)])),
        "routes": [draw(routes(name, list(upstreams), providers, limits)) for name in names],
    } | draw(
        sections(
            version=st.just(1),
            listen=st.sampled_from(["127.0.0.1:0", "[::1]:8000", "unix:/run/pygateway.sock"]),
            admin=st.sampled_from(["127.0.0.1:0", {"address": "[::1]:7", "token": "t" * 16}]),
            redis=st.sampled_from(["redis://h", {"url": "unix:///run/r.sock?db=1"}]),
            # With more, no rate limit may have `concurrency`.
            workers=st.just("auto") | st.integers(1, 128),
            trusted_proxies=st.lists(st.sampled_from(["10.0.0.0/8", "::1", "192.0.2.1"])),
            limits=sections(
                header_bytes=st.integers(1024, 2**20),
                body_bytes=st.sampled_from(["16MiB", 0, "1.5GiB"]),
                connections=st.integers(1, 1000),
            ),
            timeouts=TIMEOUTS,
            health_path=st.sampled_from(["/health", "/status/", False, None]),
            access_log=ACCESS_LOGS,
            security_headers=SECURITY_HEADERS,
            tracing=st.sampled_from(
                [
                    "http://collector:4318",
                    {
                        "endpoint": "https://h/v1/traces?a=b",
                        "ratio": 0.25,
                        "headers": {"Authorization": "Bearer x"},
                        "attributes": {"deployment.environment.name": "test"},
                        "timeout": "2s",
                    },
                ]
            ),
        )
    )
