"""The vectors of the parser that the gateway tokenises with, requests and responses.

What the parser takes only in a lenient mode the gateway must refuse. What it takes by default is
the beginning, not the end, of the gateway's rules: the differences are in the table.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.corpora.differences import Verdict, expected
from tests.corpora.judging import HOST, Court, with_host
from tests.support.client import request
from tests.support.corpora import LlhttpCase, read_llhttp
from tests.support.gateway import RunningGateway, configuration
from tests.support.messages import Truncated
from tests.support.upstream import Conversation, ScriptedUpstream

if TYPE_CHECKING:
    from pathlib import Path

CASES = read_llhttp()
REQUESTS = [case for case in CASES if case.kind == "request"]
RESPONSES = [case for case in CASES if case.kind == "response"]
TARGETS = [case for case in CASES if case.kind == "url"]

HARMLESS = {"Pause on CONNECT/Upgrade", "Data after `Connection: close`"}
"""Complaints of the parser that are no refusal of the message before them."""


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    """Verdicts, printed at the end of the module."""
    counter: Counter[str] = Counter()
    yield counter
    print(f"\nllhttp: {dict(sorted(counter.items()))}")


def parser_says(case: LlhttpCase) -> Verdict:
    """The parser's verdict in strict mode; a message that is not complete counts as refused."""
    if case.lenient in {"lenient-keep-alive", "lenient-data-after-close"}:
        return "accepted"  # the leniency is about what follows the first message
    if case.lenient or (case.error is not None and case.error not in HARMLESS):
        return "refused"
    return "accepted" if case.complete and not case.skips_body else "refused"


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_each_request_gets_its_verdict(
    tried: Court, case: LlhttpCase, counts: Counter[str]
) -> None:
    outcome = tried.try_message(with_host(case.raw))
    verdict = parser_says(case)
    counts[f"requests {verdict} by the parser {outcome.verdict}"] += 1
    assert outcome.verdict == expected(case.name, verdict), outcome


@pytest.mark.parametrize("case", TARGETS, ids=lambda case: case.name)
def test_each_target_gets_its_verdict(tried: Court, case: LlhttpCase, counts: Counter[str]) -> None:
    raw = with_host(b"GET " + case.raw + b" HTTP/1.1\r\n\r\n")
    outcome = tried.try_message(raw)
    verdict: Verdict = "refused" if case.error else "accepted"
    counts[f"targets {verdict} by the parser {outcome.verdict}"] += 1
    assert outcome.verdict == expected(case.name, verdict), outcome


class Stage:
    """A gateway in front of an upstream that sends the response of the case at hand."""

    def __init__(self, directory: Path) -> None:
        self._response = b""
        self._upstream = ScriptedUpstream(self._script)
        document = configuration({"app": self._upstream.url})
        self._gateway = RunningGateway(document, directory)

    def __enter__(self) -> Stage:
        self._gateway.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._gateway.stop()
        self._upstream.close()

    def _script(self, conversation: Conversation) -> None:
        conversation.head()
        conversation.send(self._response)

    def judge(self, case: LlhttpCase) -> Verdict:
        """Whether the client got the case's response, whole, or the gateway's 502, or a part."""
        self._response = case.raw
        with self._gateway.client() as client:
            client.send(request("HEAD" if case.skips_body else "GET"))
            with contextlib.suppress(Truncated, ConnectionError):
                response = client.response("HEAD" if case.skips_body else "GET")
                if response.header("Content-Type") != "application/problem+json":
                    return "accepted"
                response.problem("upstream-protocol-error" if case.error else None)
        return "refused"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where responses get their verdict."""
    with Stage(tmp_path_factory.mktemp("responses")) as started:
        yield started


def parser_says_of_response(case: LlhttpCase) -> Verdict:
    """As for requests, but a body without framing ends with the connection."""
    head = case.raw.partition(b"\r\n\r\n")[0].lower()
    framed = b"\r\ncontent-length:" in head or b"\r\ntransfer-encoding:" in head
    if not case.lenient and case.error is None and not case.complete and not framed:
        return "accepted"
    if case.skips_body and case.error is None:
        return "accepted"
    return parser_says(case)


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: case.name)
def test_each_response_gets_its_verdict(
    stage: Stage, case: LlhttpCase, counts: Counter[str]
) -> None:
    verdict = parser_says_of_response(case)
    judged = stage.judge(case)
    counts[f"responses {verdict} by the parser {judged}"] += 1
    assert judged == expected(case.name, verdict)


def test_the_corpus_is_whole() -> None:
    assert (len(REQUESTS), len(RESPONSES), len(TARGETS)) == (166, 85, 21)
    assert HOST not in b"".join(case.raw for case in CASES)
