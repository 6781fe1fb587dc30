"""Errors of one provider that one value cannot show."""

from __future__ import annotations

from typing import Final

from pydantic_core import PydanticCustomError

from .document import MappingNode, Path, locate
from .key_checks import check_keys
from .model.api_keys import ApiKeys
from .model.forward_auth import ForwardAuth
from .model.providers import KEY_SOURCES, Provider
from .subject import Subject
from .syntax.headers import can_tell_of_clients, is_reserved_in_requests, normal_name
from .syntax.urls import check_http_url

_KINDS: Final = (*KEY_SOURCES, "api_keys", "forward_auth")
_ALLOWED_BESIDE: Final = {
    "api_keys": {"api_keys", "token_from", "claims_to_headers"},
    "forward_auth": {"forward_auth"},
}
_ABOUT: Final = {"api_keys": "API keys", "forward_auth": "a service that is asked"}
_CREDENTIALS: Final = {"authorization": "bearer", "cookie": "{cookie: NAME}"}
"""Fields with a form of their own, and how a credential in them is written."""


def check_provider(subject: Subject, path: Path, provider: Provider) -> None:
    """Find every error between the values of one provider."""
    written = _sources(subject, path, provider)
    if not written:
        subject.error(
            "missing-key",
            "a provider has one source of keys, or `api_keys`, or `forward_auth`",
            path,
            key=True,
            allowed=_KINDS,
        )
    for key in written[1:]:
        message = f"a provider has either `{written[0]}` or `{key}`"
        subject.error("conflicting-keys", message, (*path, key), key=True)
    _check_headers(subject, path, provider)
    _check_token_sources(subject, path, provider)
    if len(written) != 1:
        return
    if written[0] in _ALLOWED_BESIDE:
        _check_others(subject, path, written[0])
    else:
        _check_issuer(subject, path, provider, written[0])
        _check_fetching(subject, path, provider)
        check_keys(subject, path, provider, written[0])
    if provider.api_keys is not None:
        _check_api_keys(subject, (*path, "api_keys"), provider.api_keys)
    if provider.forward_auth is not None:
        _check_forward_auth(subject, (*path, "forward_auth"), provider.forward_auth)


def check_redis_is_there(subject: Subject, path: Path, provider: Provider) -> None:
    """Check that there is a Redis if keys are to be looked up in it."""
    asks = provider.api_keys is not None and provider.api_keys.redis
    if asks and "redis" not in subject.written():
        message = "there is no Redis to look keys up in: `redis` says where it is"
        subject.error("missing-key", message, (*path, "api_keys", "redis"), key=True)


def _sources(subject: Subject, path: Path, provider: Provider) -> list[str]:
    """Return what the provider says that it is, in the order in which it was written."""
    return [
        key
        for key in subject.written(*path)
        if key in _KINDS and (key != "discovery" or provider.discovery)
    ]


def _check_others(subject: Subject, path: Path, kind: str) -> None:
    for key in subject.written(*path):
        known = key in Provider.model_fields and key not in _KINDS
        if known and key not in _ALLOWED_BESIDE[kind]:
            message = f"this provider is about {_ABOUT[kind]}, and `{key}` is not"
            subject.error("conflicting-keys", message, (*path, key), key=True)


def _check_issuer(subject: Subject, path: Path, provider: Provider, source: str) -> None:
    if provider.issuer is None:
        if source != "secrets" and "issuer" not in subject.written(*path):
            message = (
                "the key `issuer` is missing: other issuers' tokens would be taken for its own"
            )
            subject.error("missing-key", message, path, key=True)
        return
    if source != "discovery":
        return
    place: Path = (*path, "issuer")
    try:
        check_http_url(provider.issuer)
    except PydanticCustomError:
        good = False
    else:
        good = "?" not in provider.issuer
    if not good:
        message = "with `discovery` the issuer is an https URL without a query (OpenID Discovery)"
        subject.error("bad-url", message, place)
    elif not _is_secure(provider, provider.issuer):
        _refuse_http(subject, place)


def _check_fetching(subject: Subject, path: Path, provider: Provider) -> None:
    jwks = provider.jwks
    if provider.jwks_url is not None and not _is_secure(provider, provider.jwks_url):
        _refuse_http(subject, (*path, "jwks_url"))
    subject.check_authorities(jwks.ca_file, (*path, "jwks", "ca_file"))
    if jwks.minimum_refresh > jwks.maximum_refresh:
        key = "minimum_refresh" if "minimum_refresh" in jwks.model_fields_set else "maximum_refresh"
        message = "`minimum_refresh` is over `maximum_refresh`"
        subject.error("out-of-range", message, (*path, "jwks", key))
    elif not jwks.minimum_refresh <= jwks.refresh <= jwks.maximum_refresh:
        wrote = [
            key
            for key in ("refresh", "minimum_refresh", "maximum_refresh")
            if key in jwks.model_fields_set
        ]
        message = "`refresh` is not from `minimum_refresh` to `maximum_refresh`"
        subject.error("out-of-range", message, (*path, "jwks", wrote[0]))


def _is_secure(provider: Provider, url: str) -> bool:
    return url.lower().startswith("https://") or provider.jwks.allow_http


def _refuse_http(subject: Subject, path: Path) -> None:
    subject.error(
        "insecure-url",
        "anybody on the way could put in keys of their own: use https, or say `allow_http: true`"
        " in `jwks`",
        path,
    )


def _check_headers(subject: Subject, path: Path, provider: Provider) -> None:
    """Check the headers that upstreams are told claims in."""
    seen: set[str] = set()
    sources = {
        normal_name(source.header)
        for other in subject.config.auth.providers.values()
        for source in other.token_from
        if source.header is not None
    }
    for claim, header in provider.claims_to_headers.items():
        place: Path = (*path, "claims_to_headers", claim)
        normal = normal_name(header)
        if not can_tell_of_clients(header):
            message = f"{header} has another meaning, so it cannot tell of claims"
            subject.error("reserved-header", message, place)
        elif normal in sources:
            message = f"{header} is where credentials come in, so it cannot tell of claims"
            subject.error("conflicting-keys", message, place)
        elif normal in seen:
            message = f"{header} tells of another claim already (`-` and `_` are the same)"
            subject.error("conflicting-keys", message, place)
        seen.add(normal)


def _check_token_sources(subject: Subject, path: Path, provider: Provider) -> None:
    seen: set[tuple[str | None, str]] = set()
    for index, source in enumerate(provider.token_from):
        place: Path = (*path, "token_from", index)
        written = subject.written(*place)
        found = locate(subject.root, place)
        if found.complete and isinstance(found.node, MappingNode) and not written:
            message = "says nowhere where the credential is"
            subject.error("missing-key", message, place, allowed=("cookie", "header"))
        keys = [key for key in written if key in {"cookie", "header"}]
        for key in keys[1:]:
            message = f"a credential is either in a `{keys[0]}` or in a `{key}`"
            subject.error("conflicting-keys", message, (*place, key), key=True)
        if source.header is not None and normal_name(source.header) in _CREDENTIALS:
            form = _CREDENTIALS[normal_name(source.header)]
            message = f"{source.header} has a form of its own: write `{form}`"
            subject.error("conflicting-keys", message, (*place, "header"))
        elif source.header is not None and is_reserved_in_requests(source.header):
            message = f"only the gateway writes {source.header}"
            subject.error("reserved-header", message, (*place, "header"))
        same = (source.cookie, normal_name(source.header or ""))
        if same in seen:
            subject.error("duplicate-name", "the credential is looked for there already", place)
        seen.add(same)


def _check_api_keys(subject: Subject, path: Path, keys: ApiKeys) -> None:
    written = subject.written(*path)
    if not {"pepper", "pepper_file"} & set(written):
        message = "the key `pepper` is missing (or `pepper_file`): hashes are made with it"
        subject.error("missing-key", message, path, key=True)
    if not {"keys", "file"} & set(written) and not keys.redis:
        message = "there are no API keys: they are in `keys`, in a `file` or in Redis"
        subject.error("missing-key", message, path, key=True, allowed=("keys", "file", "redis"))
    ids: dict[str, int] = {}
    hashes: dict[str, int] = {}
    for index, key in enumerate(keys.keys):
        place: Path = (*path, "keys", index)
        if key.id in ids:
            where = _line_of(subject, (*path, "keys", ids[key.id], "id"))
            subject.error("duplicate-name", f"another API key has this id{where}", (*place, "id"))
        if key.hash in hashes:
            # The gate would know the key as one of them only.
            where = _line_of(subject, (*path, "keys", hashes[key.hash], "hash"))
            subject.error("bad-key", f"another API key has this hash{where}", (*place, "hash"))
        ids.setdefault(key.id, index)
        hashes.setdefault(key.hash, index)
        starts, ends = key.not_before, key.expires
        if starts is not None and ends is not None and starts >= ends:
            subject.error("out-of-range", "ends before it begins", (*place, "expires"))


def _line_of(subject: Subject, path: Path) -> str:
    line = subject.position(*path).line
    return f", in line {line}" if line else ""


def _check_forward_auth(subject: Subject, path: Path, service: ForwardAuth) -> None:
    for key in ("request_headers", "response_headers"):
        seen: set[str] = set()
        for index, name in enumerate(getattr(service, key)):
            place: Path = (*path, key, index)
            normal = normal_name(name)
            if key == "response_headers" and not can_tell_of_clients(name):
                message = f"{name} has another meaning, so it is not taken from an answer"
                subject.error("reserved-header", message, place)
            elif key == "request_headers" and is_reserved_in_requests(name):
                message = f"the gateway writes {name} in its question itself, or never"
                subject.error("reserved-header", message, place)
            elif normal in seen:
                message = f"{name} is there already (`-` and `_` are the same)"
                subject.error("duplicate-name", message, place)
            seen.add(normal)
