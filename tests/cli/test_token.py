from __future__ import annotations

import json
import time
from pathlib import Path

import jwt
import pytest

from tests.cli.conftest import Outcome, Run
from tests.support.client import request
from tests.support.gateway import RunningGateway, configuration
from tests.support.upstream import ScriptedUpstream

FIRST_KEY = "the first of two secrets, and long enough"
SECOND_KEY = "the second of two secrets, also long enough"

AUTH = {
    "providers": {
        "main": {
            "issuer": "https://issuer.test",
            "audiences": ["api", "other"],
            "secrets": [{"id": "k2", "value": FIRST_KEY}, {"id": "k1", "value": SECOND_KEY}],
            "claims_to_headers": {"sub": "X-User-ID"},
        }
    }
}

PEM = """\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
"""


def write(file: Path, auth: object, **keys: object) -> Path:
    routes = [{"name": "all", "respond": {"body": "x"}}]
    file.write_text(json.dumps({"version": 1, "routes": routes, "auth": auth, **keys}))
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "gateway.yaml", AUTH)


def decoded(outcome: Outcome, secret: str = FIRST_KEY, audience: str = "api") -> dict[str, object]:
    """What a stranger to our code reads in the token."""
    assert (outcome.code, outcome.err) == (0, "")
    claims: dict[str, object] = jwt.decode(
        outcome.out.strip(), secret, algorithms=["HS256", "HS512"], audience=audience
    )
    return claims


def test_signs_with_the_first_secret_and_says_which(run: Run, file: Path) -> None:
    before = int(time.time())
    outcome = run("token", "mint", "--sub", "ada", "-c", file)
    claims = decoded(outcome)
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("https://issuer.test", "api", "ada")
    assert jwt.get_unverified_header(outcome.out.strip()) == {
        "alg": "HS256", "kid": "k2", "typ": "JWT",
    }  # fmt: skip
    issued, expires = claims["iat"], claims["exp"]
    assert isinstance(issued, int)
    assert isinstance(expires, int)
    assert before <= issued <= time.time()
    assert expires - issued == 3600
    assert claims["jti"]


def test_two_tokens_can_be_told_apart(run: Run, file: Path) -> None:
    mint = ("token", "mint", "--sub", "ada", "-c", file)
    assert decoded(run(*mint))["jti"] != decoded(run(*mint))["jti"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("scope=a b", "a b"),
        ("admin=true", True),
        ("level=7", 7),
        ("rate=0.5", 0.5),
        ('roles=["a", "b"]', ["a", "b"]),
        ('realm_access={"roles": ["a"]}', {"roles": ["a"]}),
        ('quoted="7"', "7"),
        ("nothing=null", None),
        ("empty=", ""),
        ("equation=a=b", "a=b"),
        ("not_a_number=NaN", "NaN"),
        ("infinite=-Infinity", "-Infinity"),
        ("broken={", "{"),
    ],
)
def test_a_claim_that_is_json_is_that_and_any_other_is_text(
    run: Run, file: Path, text: str, value: object
) -> None:
    name = text.partition("=")[0]
    claims = decoded(run("token", "mint", "--sub", "ada", "--claim", text, "-c", file))
    if value is None:
        assert name not in claims
    else:
        assert claims[name] == value
        assert type(claims[name]) is type(value)


def test_options_replace_what_the_provider_says(run: Run, file: Path) -> None:
    options = ("--issuer", "i", "--audience", "a", "--key-id", "k", "--ttl", "90s")
    outcome = run("token", "mint", "--sub", "ada", *options, "-c", file)
    claims = decoded(outcome, audience="a")
    assert claims["iss"] == "i"
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 90
    assert jwt.get_unverified_header(outcome.out.strip())["kid"] == "k"


def test_the_algorithm_and_type_are_the_first_that_the_provider_accepts(
    run: Run, tmp_path: Path
) -> None:
    provider = {
        "secrets": [{"value": FIRST_KEY * 2}],
        "algorithms": ["HS512", "HS256"],
        "types": ["at+jwt", "JWT"],
    }
    file = write(tmp_path / "gateway.yaml", {"providers": {"main": provider}})
    outcome = run("token", "mint", "--sub", "ada", "-c", file)
    assert jwt.get_unverified_header(outcome.out.strip()) == {"alg": "HS512", "typ": "at+jwt"}
    claims = jwt.decode(outcome.out.strip(), FIRST_KEY * 2, algorithms=["HS512"])
    assert {"iss", "aud"}.isdisjoint(claims)


def test_json_says_what_is_in_it(run: Run, file: Path) -> None:
    outcome = run("token", "mint", "--sub", "ada", "--json", "-c", file)
    document = json.loads(outcome.out)
    assert document["provider"] == "main"
    assert document["header"] == jwt.get_unverified_header(document["token"])
    assert document["claims"] == jwt.decode(
        document["token"], FIRST_KEY, algorithms=["HS256"], audience="api"
    )


def test_the_environment_alone_is_enough(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", FIRST_KEY)
    claims = jwt.decode(
        run("token", "mint", "--sub", "ada").out.strip(), FIRST_KEY, algorithms=["HS256"]
    )
    assert claims["sub"] == "ada"


def test_the_first_provider_with_a_secret_is_taken_unless_one_is_named(
    run: Run, tmp_path: Path
) -> None:
    providers = {
        "public": {"issuer": "https://a", "public_keys": [{"pem": PEM}], "algorithms": ["EdDSA"]},
        "one": {"issuer": "https://one", "secrets": [{"value": FIRST_KEY}]},
        "two": {"issuer": "https://two", "secrets": [{"value": SECOND_KEY}]},
    }
    file = write(tmp_path / "gateway.yaml", {"providers": providers})
    mint = ("token", "mint", "--sub", "ada", "-c", file)
    first = jwt.decode(run(*mint).out.strip(), FIRST_KEY, algorithms=["HS256"])
    named = jwt.decode(
        run(*mint, "--provider", "two").out.strip(), SECOND_KEY, algorithms=["HS256"]
    )
    assert (first["iss"], named["iss"]) == ("https://one", "https://two")
    refused = run(*mint, "--provider", "public")
    assert (refused.code, refused.out) == (1, "")
    assert "behind public keys the issuer alone can sign" in refused.err
    unknown = run(*mint, "--provider", "three")
    assert (unknown.code, unknown.out) == (1, "")
    assert "no provider is called 'three' (public, one, two)" in unknown.err


def test_public_keys_cannot_sign_and_the_message_says_so(run: Run, tmp_path: Path) -> None:
    provider = {"issuer": "https://a", "public_keys": [{"pem": PEM}], "algorithms": ["EdDSA"]}
    file = write(tmp_path / "gateway.yaml", {"providers": {"main": provider}})
    outcome = run("token", "mint", "--sub", "ada", "-c", file)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "pygateway: none of the providers is a provider with shared secrets (main): tokens can be"
        " minted for a provider with `secrets` only; behind public keys the issuer alone can sign\n"
    )


def test_without_a_provider_there_is_nothing_to_sign_with(run: Run, good: Path) -> None:
    outcome = run("token", "mint", "--sub", "ada", "-c", good)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("pygateway: no provider is configured; ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--claim", "noequals"), "--claim takes NAME=VALUE, not 'noequals'"),
        (("--claim", "=value"), "--claim takes NAME=VALUE, not '=value'"),
        (("--claim", "a=1", "--claim", "a=2"), "--claim a: given twice"),
        (("--claim", "sub=eve"), "--claim sub: use --sub"),
        (("--claim", "exp=1"), "--claim exp: use --ttl"),
        (("--claim", "iss=x"), "--claim iss: use --issuer"),
        (("--claim", "aud=x"), "--claim aud: use --audience"),
        (("--ttl", "31d"), "--ttl: provider 'main' accepts 30d at most"),
        (("--ttl", "soon"), "argument --ttl: not a duration such as 30s, 15m or 1h: 'soon'"),
        (("--ttl", "0s"), "argument --ttl: not a duration such as 30s, 15m or 1h: '0s'"),
        (("--ttl", "-5s"), "argument --ttl: expected one argument"),
    ],
)
def test_wrong_usage_is_2(run: Run, file: Path, arguments: tuple[str, ...], message: str) -> None:
    outcome = run("token", "mint", "--sub", "ada", "-c", file, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_a_subject_is_needed(run: Run, file: Path) -> None:
    assert run("token", "mint", "-c", file).code == 2
    assert run("token").code == 2


def test_no_secret_is_in_any_message(run: Run, tmp_path: Path) -> None:
    short = {"providers": {"main": {"secrets": [{"value": "tooshort-tooshort"}]}}}
    outcome = run("token", "mint", "--sub", "a", "-c", write(tmp_path / "g.yaml", short))
    assert outcome.code == 78
    assert "tooshort" not in outcome.err + outcome.out


def test_the_gateway_of_the_same_file_accepts_it(run: Run, tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        document = configuration(
            {"app": upstream.url}, auth=AUTH, routes=[{"name": "all", "upstream": "app"}]
        )
        with RunningGateway(document, tmp_path) as gateway:
            outcome = run("token", "mint", "--sub", "ada", "-c", tmp_path / "gateway.yaml")
            line = f"Authorization: Bearer {outcome.out.strip()}"
            assert gateway.fetch(request("GET", "/", line)).status == 200
            assert upstream.next_request().header("X-User-ID") == "ada"
            assert gateway.fetch(request("GET", "/")).status == 401
