"""Errors about authentication that one value cannot show."""

from __future__ import annotations

import os

from .document import Path, locate
from .model.access import RouteAuth
from .model.admin import is_loopback
from .provider_checks import check_provider, check_redis_is_there
from .refusal import nearest
from .subject import Subject


def check_auth(subject: Subject) -> None:
    """Find every error between values of `admin`, `redis`, `auth` and the routes' `auth`."""
    _check_admin(subject)
    config = subject.config
    if config.redis is not None:
        subject.check_authorities(config.redis.ca_file, ("redis", "ca_file"))
    _check_revocation_file(subject)
    for name, provider in config.auth.providers.items():
        check_provider(subject, ("auth", "providers", name), provider)
        check_redis_is_there(subject, ("auth", "providers", name), provider)
    if config.auth.default is not None:
        _check_names(subject, ("auth", "default"), config.auth.default)
    for index, route in enumerate(config.routes):
        if isinstance(route.auth, RouteAuth):
            _check_route(subject, ("routes", index, "auth"), route.auth)
    _check_that_there_is_a_default(subject)


def _check_admin(subject: Subject) -> None:
    admin = subject.config.admin
    if admin is None or is_loopback(admin.address):
        return
    if not {"token", "token_file"} & set(subject.written("admin")):
        subject.error(
            "exposed-admin",
            "others can reach this address: the admin server needs a `token` there",
            ("admin", "address"),
            allowed=("127.0.0.1:8001", "unix:/run/pygateway-admin.sock"),
        )


def _check_revocation_file(subject: Subject) -> None:
    file = subject.config.auth.revocation.file
    if file is None:
        return
    path: Path = ("auth", "revocation", "file")
    if os.path.isdir(file):
        subject.error("bad-file", "is a directory, and has to be a file", path)
    elif not os.path.isdir(os.path.dirname(os.path.abspath(file))):
        subject.error("bad-file", "the directory of the file does not exist", path)


def _check_route(subject: Subject, path: Path, auth: RouteAuth) -> None:
    providers = _declared(subject)
    if providers == ():
        subject.error(
            "unknown-provider",
            "there are no providers: `auth.providers` says where credentials come from",
            path,
            key=True,
        )
        return
    _check_names(subject, (*path, "provider"), auth.provider)
    names = auth.provider or subject.config.default_providers()
    known = subject.config.auth.providers
    if not any(known[name].kind == "forward-auth" for name in names if name in known):
        return
    for key in ("scopes", "any_scopes", "roles", "claims"):
        if getattr(auth, key):
            message = f"a service decides here and says nothing of claims: `{key}` is never met"
            subject.error("conflicting-keys", message, (*path, key), key=True)


def _declared(subject: Subject) -> tuple[str, ...] | None:
    """Return the providers that were written, good or bad; None if that cannot be known."""
    if "auth" not in subject.written():
        return ()
    if not locate(subject.root, ("auth",)).complete:
        return None
    if "providers" not in subject.written("auth"):
        return ()
    found = locate(subject.root, ("auth", "providers"))
    return subject.written("auth", "providers") if found.complete else None


def _check_names(subject: Subject, path: Path, names: tuple[str, ...]) -> None:
    """Check names of providers that one request may satisfy any of."""
    declared = _declared(subject)
    if declared is None:
        return
    known = subject.config.auth.providers
    seen: set[str] = set()
    for index, name in enumerate(names):
        place: Path = (*path, index)
        if name not in declared:
            subject.error(
                "unknown-provider",
                f"there is no provider `{name}`",
                place,
                allowed=declared,
                suggestion=nearest(name, declared),
            )
        elif name in seen:
            subject.error("duplicate-name", "this provider is there already", place)
        elif len(names) > 1 and name in known and known[name].kind == "forward-auth":
            message = "a service decides about every request, so it stands alone"
            subject.error("conflicting-keys", message, place)
        seen.add(name)


def _check_that_there_is_a_default(subject: Subject) -> None:
    """Check that routes without `auth` have one provider, where there are only services to ask."""
    auth = subject.config.auth
    kinds = [provider.kind for provider in auth.providers.values()]
    if len(kinds) < 2 or set(kinds) != {"forward-auth"} or auth.default is not None:
        return
    needed = any(
        route.auth is None or (isinstance(route.auth, RouteAuth) and not route.auth.provider)
        for route in subject.config.routes
    )
    if needed and "default" not in subject.written("auth"):
        subject.error(
            "missing-key",
            "`auth.default` has to say which service is asked about routes that name none",
            ("auth", "providers"),
            key=True,
            allowed=tuple(auth.providers),
        )
