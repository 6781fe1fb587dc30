from __future__ import annotations

from typing import Any

from pygateway.admin.application import make_application
from pygateway.admin.problems import CATALOGUE
from tests.admin.serving import NotingControl


def described() -> dict[str, Any]:
    return make_application(NotingControl()).openapi()


def test_every_path_says_what_it_answers_and_what_can_go_wrong() -> None:
    document = described()
    statuses = {str(status) for status, _ in CATALOGUE.values()}
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            assert {"400", "401", "500"} <= responses.keys()
            assert "422" not in responses
            for status, response in responses.items():
                assert response["description"]
                if "application/problem+json" in response.get("content", {}):
                    assert status in statuses
            assert operation["description"]


def test_what_is_referred_to_is_there() -> None:
    document = described()
    schemas = document["components"]["schemas"]

    def references(part: Any) -> set[str]:  # noqa: ANN401 - whatever JSON has
        if isinstance(part, dict):
            own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*map(references, part.values()))
        return set().union(*map(references, part)) if isinstance(part, list) else set()

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert "Problem" in names
    assert names <= schemas.keys()
    assert "HTTPValidationError" not in schemas


def test_probes_alone_need_no_token() -> None:
    document = described()
    assert document["security"] == [{"token": []}, {}]
    free = {
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if operation.get("security") == []
    }
    assert free == {"/livez", "/readyz"}
