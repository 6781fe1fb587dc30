from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from pygateway.config.syntax.names import Name, RewriteHost

NAMES: TypeAdapter[str] = TypeAdapter(Name)
HOSTS: TypeAdapter[str] = TypeAdapter(RewriteHost)


@pytest.mark.parametrize("name", ["a", "Users", "user-service.v2_b", "0", "x" * 64])
def test_names(name: str) -> None:
    assert NAMES.validate_python(name) == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "é", "a/b", "x" * 65, "a\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        NAMES.validate_python(name)


@pytest.mark.parametrize(
    "host", ["preserve", "upstream", "users.internal", "users:8080", "[::1]:80"]
)
def test_hosts_of_rewrites(host: str) -> None:
    assert HOSTS.validate_python(host) == host


@pytest.mark.parametrize("host", ["", "presrve", "Upstream", "a/b", "a:0", "u@h", "{host}"])
def test_what_is_no_host_of_a_rewrite(host: str) -> None:
    with pytest.raises(ValidationError):
        HOSTS.validate_python(host)
