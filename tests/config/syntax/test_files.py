from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from pygateway.config.syntax.files import DIRECTORY, FilePath

PATHS: TypeAdapter[str] = TypeAdapter(FilePath)


def test_paths_start_at_the_directory_of_the_configuration() -> None:
    context = {DIRECTORY: "/etc/pygateway"}
    assert PATHS.validate_python("ca.pem", context=context) == "/etc/pygateway/ca.pem"
    assert PATHS.validate_python("/ca.pem", context=context) == "/ca.pem"


def test_without_a_directory_paths_stay() -> None:
    assert PATHS.validate_python("ca.pem") == "ca.pem"


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValidationError, match="path"):
        PATHS.validate_python(path)
