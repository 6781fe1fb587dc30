"""Where the gateway's verdict differs from a corpus' own, on purpose.

This is the only list: the tests hold every case to its corpus unless it stands here, and hold
the ones that stand here to the verdict given. `docs/threat-model.md` shows the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["accepted", "refused", "mixed"]


@dataclass(frozen=True)
class Difference:
    """Cases of one kind.

    Attributes:
        corpus: What the corpus says of them.
        verdict: What the gateway does instead; `mixed` accepts the first message and refuses
            or ignores what follows.
        reason: Why that is right for a gateway.
        cases: Names of the cases.
    """

    corpus: Verdict
    verdict: Verdict
    reason: str
    cases: tuple[str, ...]


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "refused",
        "accepted",
        "Limits are the gateway's own: 8 KiB of target, 32 KiB and 100 lines of header; that"
        " server's were set lower for the case.",
        (
            "gunicorn/invalid/006",
            "gunicorn/invalid/007",
            "gunicorn/invalid/008",
            "gunicorn/invalid/010",
            "gunicorn/invalid/017",
            "gunicorn/invalid/limit_header_default_01",
        ),
    ),
    Difference(
        "refused",
        "accepted",
        "`X-Forwarded-*` of untrusted clients is deleted, so that contradictions in it are moot.",
        ("gunicorn/invalid/019",),
    ),
    Difference(
        "refused",
        "accepted",
        "`Transfer_Encoding` and `Content_Length` frame nothing; they are deleted, and the"
        " upstream sees only what the message was framed by.",
        ("gunicorn/invalid/040", "gunicorn/invalid/chunked_07"),
    ),
    Difference(
        "refused",
        "mixed",
        "The same where nothing else frames a body: the request is forwarded without the header"
        " and without a body. What was meant as its body is refused as a request.",
        (
            "desync/ambiguous/8",
            "desync/ambiguous/9",
            "desync/ambiguous/31",
            "desync/ambiguous/32",
        ),
    ),
    Difference(
        "refused",
        "accepted",
        "Two lines of `Content-Type` frame nothing and decide nothing here; both are passed on.",
        ("gunicorn/invalid/041",),
    ),
    Difference(
        "refused",
        "accepted",
        "A body of a GET or HEAD is legal, and some APIs need it. As servers disagree whether to"
        " read it, nothing follows it: both connections are closed after the response, which is"
        " the corpus' own remedy.",
        (
            "desync/ambiguous/13",
            "desync/ambiguous/14",
            "desync/ambiguous/15",
            "desync/ambiguous/16",
            "desync/real-life-test-cases/1",
            "desync/real-life-test-cases/2",
        ),
    ),
    Difference(
        "accepted",
        "refused",
        "Transfer codings other than exactly `chunked` are 501 or 400: a gateway that cannot undo"
        " a coding cannot frame its message anew.",
        (
            "gunicorn/valid/025",
            "gunicorn/valid/025_line",
            "gunicorn/valid/029",
            "gunicorn/valid/030",
            "gunicorn/valid/rfc9112_smuggle_gzip_chunked_01",
            "gunicorn/valid/rfc9112_smuggle_te_identity_chunked_01",
            "llhttp/request/transfer-encoding/20",
            "llhttp/request/transfer-encoding/21",
            "desync/more-compliant-tests/6",
            "desync/more-compliant-tests/8",
            "desync/more-compliant-tests/9",
            "desync/more-compliant-tests/10",
            "desync/rfc-compliant/9",
            "desync/rfc-compliant/10",
            "desync/rfc-compliant/11",
        ),
    ),
    Difference(
        "accepted",
        "refused",
        "`Transfer-Encoding` beside `Content-Length`, whatever its value (RFC 9112 section 6.1).",
        ("gunicorn/valid/009",),
    ),
    Difference(
        "accepted",
        "refused",
        "A fragment is never sent in a target (RFC 9110 section 7.1); what a server makes of one"
        " cannot be known.",
        (
            "gunicorn/valid/005",
            "llhttp/request/uri/8",
            "llhttp/url/1",
            "llhttp/url/2",
            "llhttp/url/11",
            "llhttp/url/12",
            "llhttp/url/13",
            "desync/rfc-compliant/12",
        ),
    ),
    Difference(
        "accepted",
        "refused",
        "Userinfo in an http target is an error and a disguise (RFC 9110 section 4.2.4).",
        (
            "gunicorn/valid/rfc9112_target_absolute_userinfo_01",
            "llhttp/request/uri/10",
            "llhttp/url/14",
            "llhttp/url/16",
            "llhttp/url/17",
        ),
    ),
    Difference(
        "accepted",
        "refused",
        "A percent sign in a host, such as a zone identifier's, means nothing outside one machine.",
        ("llhttp/url/18", "llhttp/url/19"),
    ),
    Difference(
        "accepted",
        "refused",
        "`Host: 0.0.0.0=5000`: letters, digits, dots, hyphens and underscores make a host name;"
        " `=` is none of them and certainly no port.",
        (
            "gunicorn/valid/002",
            "gunicorn/valid/003",
            "llhttp/request/sample/3",
            "llhttp/request/sample/4",
        ),
    ),
    Difference(
        "accepted",
        "refused",
        "Bytes outside ASCII and an absent target are no target (RFC 9112 section 3.2).",
        ("gunicorn/valid/027", "desync/rfc-compliant/13", "desync/rfc-compliant/14"),
    ),
    Difference(
        "accepted",
        "refused",
        "Encoded control characters have no place in a path, and servers that decode them early"
        " take them for line ends.",
        (
            "desync/uri-specific-test-cases/11",
            "desync/uri-specific-test-cases/13",
            "desync/uri-specific-test-cases/14",
        ),
    ),
    Difference(
        "accepted",
        "refused",
        "CONNECT is for forward proxies: 501.",
        (
            "gunicorn/valid/rfc9112_target_authority_connect_01",
            "gunicorn/valid/rfc9112_target_authority_ipv6_01",
            "llhttp/request/method/2",
            "llhttp/request/method/3",
            "llhttp/request/method/4",
            "llhttp/request/uri/9",
        ),
    ),
    Difference(
        "accepted",
        "refused",
        "`*` is a target of OPTIONS only (RFC 9112 section 3.2.4).",
        ("llhttp/request/method/5",),
    ),
    Difference(
        "accepted",
        "refused",
        "Methods that nobody has registered are 501.",
        ("gunicorn/valid/031", "gunicorn/valid/031compat", "gunicorn/valid/031compat2"),
    ),
    Difference(
        "accepted",
        "refused",
        "Protocols other than HTTP/1.1 and HTTP/1.0, in requests or responses, and the PROXY"
        " protocol, are not spoken here.",
        (
            "gunicorn/valid/pp_01",
            "gunicorn/valid/pp_02",
            "gunicorn/valid/pp_04",
            "gunicorn/valid/pp_05",
            "llhttp/request/method/12",
            "llhttp/request/method/13",
            "llhttp/request/method/14",
            "llhttp/request/sample/10",
            "llhttp/response/sample/2",
            "llhttp/response/sample/3",
            "llhttp/response/sample/18",
        ),
    ),
    Difference(
        "accepted",
        "refused",
        "Space before a colon and folded values are refused, not repaired (RFC 9112 section 5).",
        (
            "gunicorn/valid/028",
            "gunicorn/valid/compat_obs_fold",
            "gunicorn/valid/compat_obs_fold_huge",
        ),
    ),
    Difference(
        "accepted",
        "refused",
        "`Content-Type` in a trailer: such fields must not be sent there (RFC 9110 section 6.5.1).",
        ("gunicorn/valid/012", "llhttp/request/transfer-encoding/6"),
    ),
    Difference(
        "accepted",
        "refused",
        "Spaces within chunk extensions are nothing that a careful sender writes.",
        ("gunicorn/valid/013",),
    ),
    Difference(
        "accepted",
        "refused",
        "The message of the case ends before its `Content-Length` is reached.",
        ("gunicorn/valid/099", "llhttp/response/connection/18"),
    ),
    Difference(
        "accepted",
        "refused",
        "A response begins with its version, not with an empty line.",
        ("llhttp/response/sample/20",),
    ),
    Difference(
        "accepted",
        "refused",
        "A 101 that the client did not ask for is a protocol error, not a tunnel.",
        ("llhttp/response/connection/10", "llhttp/response/connection/11"),
    ),
    Difference(
        "accepted",
        "mixed",
        "The first message is accepted. The next has no Host, is not whole, begins behind more"
        " than one empty line, or is the other protocol of an upgrade that did not take place:"
        " refused, and the connection closed.",
        (
            "gunicorn/valid/022",
            "llhttp/request/connection/5",
            "llhttp/request/connection/19",
        ),
    ),
    Difference(
        "refused",
        "mixed",
        "Two messages, of which the first is in order and accepted.",
        ("llhttp/request/lenient-headers/2",),
    ),
)

BY_CASE: dict[str, Difference] = {
    case: difference for difference in DIFFERENCES for case in difference.cases
}


def expected(case: str, corpus: Verdict) -> Verdict:
    """The verdict that a case must get, from its corpus or from the table."""
    difference = BY_CASE.get(case)
    if difference is None:
        return corpus
    assert difference.corpus == corpus != difference.verdict, f"{case} is listed wrongly"
    return difference.verdict


def render() -> str:
    """The table as Markdown."""
    lines = ["| Corpus says | The gateway | Why | Cases |", "|---|---|---|---|"]
    for difference in DIFFERENCES:
        cases = ", ".join(f"`{case}`" for case in difference.cases)
        lines.append(
            f"| {difference.corpus} | {difference.verdict} | {difference.reason} | {cases} |"
        )
    return "\n".join(lines) + "\n"
