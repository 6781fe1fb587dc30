"""A configuration with a mark in every secret: nothing that a running gateway says has it."""

from __future__ import annotations

import http.client
import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, SecretStr

from pygateway.config import Config, load_mapping
from tests.support.client import Client, request
from tests.support.patience import PATIENCE
from tests.toys.program import Program

MARK = "must-never-be-shown"
HEX = "0123456789abcdef" * 4
TOKEN = f"admin-{MARK}"
CONFIGURATION: dict[str, Any] = {
    "listen": "127.0.0.1:0",
    "workers": 1,
    "admin": {"address": "127.0.0.1:0", "token": TOKEN},
    "log": {"level": "debug", "format": "json"},
    "redis": {"url": f"redis://user:redis-{MARK}@127.0.0.1:1"},
    "auth": {
        "providers": {
            "main": {"secrets": [{"id": "a", "value": f"main-{MARK}-and-more-of-it"}]},
            "partners": {
                "api_keys": {
                    "pepper": f"pepper-{MARK}-and-more-of-it",
                    "keys": [{"id": "k", "owner": "ada", "hash": HEX}],
                }
            },
        }
    },
    "rate_limits": {"shared": {"by": "ip", "quota": 5, "window": "1s"}},
    "upstreams": {"app": {"endpoints": ["http://127.0.0.1:1"]}},
    "routes": [
        {
            "name": "app",
            "match": {"paths": ["/app/*"], "headers": {}},
            "upstream": "app",
            "auth": "none",
            "rate_limits": ["shared"],
            "headers": {
                "request": {
                    "set": {"X-Internal": f"set-{MARK}"},
                    "add": {"X-More": [f"add-{MARK}"]},
                },
                "response": {
                    "set": {"X-Internal": f"response-{MARK}"},
                    "add": {"X-More": f"response-add-{MARK}"},
                },
            },
        },
        {
            "name": "guarded",
            "match": {"paths": ["/guarded"], "headers": {"X-Api-Key": f"match-{MARK}"}},
            "respond": {},
            "auth": {"provider": "main"},
        },
        {
            "name": "keyed",
            "match": {"paths": ["/keyed"]},
            "respond": {},
            "auth": {"provider": "partners"},
        },
    ],
}
SECRETS = {
    "admin.token",
    "redis.password",
    "auth.providers.*.secrets[].value",
    "auth.providers.*.api_keys.pepper",
    "routes[].headers.request.set.*",
    "routes[].headers.request.add.*[]",
    "routes[].headers.response.set.*",
    "routes[].headers.response.add.*[]",
}
"""Every place in the model that holds a secret. Those that are new need a mark above, too."""

ELSEWHERE = {"tracing.headers.*"}
"""Secrets of sections that not every configuration has; their own tests look at them."""


def secrets_in(annotation: object, place: str) -> Iterator[str]:
    """Yield the places of secrets in what a model's field holds."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is SecretStr:
        yield place
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if not field.exclude:
                yield from secrets_in(field.annotation, f"{place}.{name}" if place else name)
    elif origin is Annotated:
        yield from secrets_in(arguments[0], place)
    elif origin in {Union, types.UnionType}:
        for argument in arguments:
            yield from secrets_in(argument, place)
    elif origin is tuple:
        yield from secrets_in(arguments[0], f"{place}[]")
    elif origin is dict:
        yield from secrets_in(arguments[1], f"{place}.*")


def test_every_secret_of_the_model_has_a_mark() -> None:
    assert set(secrets_in(Config, "")) - ELSEWHERE == SECRETS
    marks = json.dumps(load_mapping(CONFIGURATION, {}).to_json()).count(MARK)
    assert marks == len(SECRETS) + 1, "one of them is in a match"


def every_document(address: tuple[str, int]) -> Iterator[str]:
    """Everything that the admin server says, asked in every way."""

    def ask(method: str, path: str, body: object = None) -> str:
        connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        payload = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            return f"{response.getheaders()} {response.read().decode()}"
        finally:
            connection.close()

    document = ask("GET", "/openapi.json")
    yield document
    paths = json.loads(document[document.index("] {") + 2 :])["paths"]
    assert len(paths) > 10
    for path, operations in paths.items():
        if "get" in operations:
            yield ask("GET", path)
    key = {"X-API-Key": f"key-{MARK}", "Authorization": f"Bearer {MARK}", "Cookie": f"a={MARK}"}
    for url in ("/app/x", "/guarded", "/keyed"):
        yield ask("POST", "/explain", {"url": url, "headers": key})
        yield ask("POST", "/explain", {"url": url, "headers": [next(iter(key.items())), "x"]})
    yield ask("PUT", "/log", {"level": MARK})
    yield ask("POST", "/revocations", {"jti": "a", "more": MARK})
    yield ask("POST", "/reload")


@pytest.mark.timeout(120)
def test_no_answer_and_no_log_has_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(CONFIGURATION))
    with Program("run", "-c", file) as program:
        listening = program.event("listening")
        host, _, port = listening["admin"][0].rpartition(":")
        with Client(program.address()) as client:
            for line in (f"X-API-Key: {MARK}", f"Authorization: Bearer {MARK}"):
                for path in ("/app/x", "/guarded", "/keyed"):
                    client.exchange(request("GET", f"{path}?key={MARK}", line))
        documents = list(every_document((host, int(port))))
        # A configuration that is refused is told of, with its lines.
        broken = json.dumps(CONFIGURATION | {"unknown": f"broken-{MARK}"}, indent=1)
        file.write_text(broken)
        documents += every_document((host, int(port)))
        program.event("reload refused")
    said = [*documents, *map(json.dumps, program.log), *program.said, *program.printed]
    assert [text for text in said if MARK in text] == []
    masked = [text for text in documents if '["X-Internal","' + "*" * 10 + '"]' in text]
    assert masked, "the head of a request that would be forwarded"
