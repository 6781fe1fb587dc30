"""Tokens: honest by construction, then broken in up to two places, in any of their layers."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from hypothesis import strategies as st

from tests.door.comparison import NOW
from tests.door.keys import HMAC, NATIVE, PAIRS, RSA, Pair
from tests.door.model.authentication.ring import Key
from tests.door.model.authentication.specification import Jwt
from tests.door.strategies.common import ORDERS
from tests.door.strategies.faults import (
    HEADER_DEVIATIONS,
    ISSUER,
    ODD_CHARACTERS,
    PAYLOAD_DEVIATIONS,
    SPOILED_TEXTS,
    TOKEN_SPOILERS,
    Deviation,
    Spoiler,
    flipped,
)
from tests.door.tokens import Members, compact, encoded, texts, written

FAMILIES: list[tuple[str, ...]] = [
    HMAC,
    ("HS256",),
    RSA[:3],
    RSA[3:],
    ("RS256", "ES256", "EdDSA"),
    ("ES256", "ES384", "ES512"),
    ("EdDSA",),
    NATIVE,
]
PAIR_OF = {
    algorithm: tuple(
        pair.name
        for pair in PAIRS.values()
        if algorithm in pair.algorithms and pair.kind != "external"
    )
    for algorithm in NATIVE
}


RULES = [
    Jwt(issuer, audiences, algorithms, types, leeway, required, longest_life)
    for issuer in (ISSUER, ISSUER, None)
    for audiences in (("api",), ("api", "web"), ())
    for algorithms in FAMILIES
    for types in ((), (), ("at+jwt",), ("JWT", "application/at+jwt"))
    for leeway in (0.0, 30.0, 600.0, 0.5)
    for required in ((), (), ("sub",), ("sub", "client_id"))
    for longest_life in (3600.0, 2_592_000.0)
]


@dataclass(frozen=True)
class Case:
    """A token, and what it is judged by."""

    rules: Jwt
    keys: tuple[Key, ...]
    token: bytes
    now: float = NOW


def edge_of(rules: Jwt, edge: str) -> float:
    """Where the law changes its mind."""
    return {
        "now": NOW,
        "long ago": NOW - rules.leeway,
        "soon": NOW + rules.leeway,
        "far": NOW + rules.longest_life + rules.leeway,
    }[edge]


def deviated(members: Members, name: str, text: str | None, twice: bool) -> Members:
    """The member replaced, in its place; or standing twice, first as it was."""
    kept = [member for member in members if twice or member[0] != name]
    return kept if text is None else [*kept, (name, text)]


def honest_members(rules: Jwt, algorithm: str, key_id: str | None) -> tuple[Members, Members]:
    header: dict[str, object] = {"alg": algorithm}
    if rules.types:
        header["typ"] = rules.types[-1]
    if key_id is not None:
        header["kid"] = key_id
    payload: dict[str, object] = {"exp": int(NOW) + 60, "nbf": int(NOW) - 60, "iat": int(NOW) - 60}
    if rules.issuer is not None:
        payload["iss"] = rules.issuer
    if rules.audiences:
        payload["aud"] = [*rules.audiences[-1:], "x"]
    payload |= {"sub": "ada", "jti": "t-1", "client_id": "app"}
    return texts(header), texts(payload)


def rings(pair: Pair, other: Pair, key_id: str | None, algorithm: str) -> list[tuple[Key, ...]]:
    """Rings with and without the key that signed."""
    right, wrong = pair.key(key_id), other.key(key_id)
    named, unnamed = pair.key("another"), pair.key()
    return [
        (right,),
        (right,),
        (wrong, right),
        (right, wrong),
        (other.key("another"), unnamed),
        (pair.key(key_id, algorithm),),
        (wrong,),
        (named,),
        (),
    ]


def confused(pair: Pair) -> Pair:
    """The public half as a secret (CVE-2016-5431)."""
    return Pair("confused", "hmac", HMAC, pair.material, pair.material, pair.material)


@dataclass
class Draft:
    """A token in the making."""

    rules: Jwt
    algorithm: str
    header: Members
    payload: Members
    signer: Pair
    other: Pair
    spoil_header: list[Spoiler] = field(default_factory=list)
    spoil_payload: list[Spoiler] = field(default_factory=list)
    spoil_token: list[Spoiler] = field(default_factory=list)

    def deviate(self, deviation: Deviation, twice: bool) -> None:
        part, name, text = deviation
        if part == "header":
            self.header = deviated(self.header, name, text, twice)
        else:
            self.payload = deviated(self.payload, name, text, twice)

    def signed(self) -> bytes:
        header = spoiled(written(self.header), self.spoil_header)
        payload = spoiled(written(self.payload), self.spoil_payload)
        if self.signer.name == "confused":
            return forged(header, payload, self.signer.material)
        return compact(header, payload, self.signer, self.algorithm)

    def token(self) -> bytes:
        token = self.signed()
        for spoil in self.spoil_token:
            if token.count(b".") == 2:
                token = spoil(token)
        return token


def spoiled(text: bytes, spoilers: list[Spoiler]) -> bytes:
    for spoil in spoilers:
        with contextlib.suppress(UnicodeError):  # spoiled text may have no UTF-16
            text = spoil(text)
    return text


Fault = Callable[[Draft], None]


def member_fault(deviation: Deviation, twice: bool) -> Fault:
    return lambda draft: draft.deviate(deviation, twice)


def time_fault(name: str, edge: str, step: float, whole: bool) -> Fault:
    def fault(draft: Draft) -> None:
        place = edge_of(draft.rules, edge) + step
        draft.deviate(("payload", name, repr(int(place) if whole else place)), False)

    return fault


def text_fault(part: str, spoil: Spoiler) -> Fault:
    return lambda draft: getattr(draft, part).append(spoil)


def token_fault(spoil: Spoiler) -> Fault:
    return lambda draft: draft.spoil_token.append(spoil)


def flip_fault(place: int, character: int) -> Fault:
    return token_fault(lambda token: flipped(token, place, character))


def signed_by_another(draft: Draft) -> None:
    draft.signer = draft.other


def signed_with_the_public_key(draft: Draft) -> None:
    draft.signer = confused(draft.signer)


def critical(draft: Draft) -> None:
    """The one extension that PyJWT understands, where it changes nothing."""
    draft.deviate(("header", "crit", '["b64"]'), False)
    draft.deviate(("header", "b64", "true"), False)


MEMBER_FAULTS = [
    member_fault(deviation, twice)
    for deviation in (*HEADER_DEVIATIONS, *PAYLOAD_DEVIATIONS)
    for twice in (False,) * 7 + (True,)
]
TIME_FAULTS = [
    time_fault(name, edge, step, whole)
    for name, edges in (("exp", ("long ago", "now", "far")), ("nbf", ("soon",)), ("iat", ("soon",)))
    for edge in edges
    for step in (-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1)
    for whole in (False, True)
]
TEXT_FAULTS = [
    text_fault(part, spoil) for part in ("spoil_header", "spoil_payload") for spoil in SPOILED_TEXTS
]
TOKEN_FAULTS = [token_fault(spoil) for spoil in TOKEN_SPOILERS]
FLIP_FAULTS = [
    flip_fault(place, character) for place in range(0, 1500, 7) for character in ODD_CHARACTERS
]
FORGERIES: list[Fault] = [signed_by_another, signed_with_the_public_key]


def make_case(rules: Jwt, order: int, faults: list[Fault]) -> Case:
    """An honest token, and then its faults; `order` chooses what is equally good."""
    chooser = Random(order)  # noqa: S311 - no secret depends on it
    algorithm = chooser.choice(rules.algorithms)
    pair, other = (PAIRS[name] for name in chooser.sample(PAIR_OF[algorithm], 2))
    key_id = chooser.choice([None, "k1"])
    keys = chooser.choice(rings(pair, other, key_id, algorithm))
    header, payload = honest_members(rules, algorithm, key_id)
    draft = Draft(rules, algorithm, header, payload, pair, other)
    for fault in faults:
        fault(draft)
    return Case(rules, keys, draft.token())


def cases() -> st.SearchStrategy[Case]:
    """Tokens with up to two faults, of every kind about as often."""
    fault = st.one_of(
        *map(
            st.sampled_from,
            (MEMBER_FAULTS, MEMBER_FAULTS, TIME_FAULTS, TEXT_FAULTS, TOKEN_FAULTS, FLIP_FAULTS),
        ),
        st.sampled_from(FORGERIES),
    )
    return st.builds(make_case, st.sampled_from(RULES), ORDERS, st.lists(fault, max_size=2))


def forged(header: bytes, payload: bytes, secret: bytes) -> bytes:
    text = header.replace(b'"alg":"RS', b'"alg":"HS').replace(b'"alg":"ES', b'"alg":"HS')
    signing_input = encoded(text) + b"." + encoded(payload)
    return signing_input + b"." + encoded(hmac.digest(secret, signing_input, hashlib.sha256))


PLAIN_RULES = [
    Jwt(ISSUER, ("api",), ("HS256",), longest_life=3600.0),
    Jwt(None, (), ("ES256",), ("at+jwt",), 0.0, ("sub", "client_id")),
]


def single_faults() -> Iterator[Case]:
    """Every fault on its own: what chance seldom finds is found each time."""
    members = [
        member_fault(deviation, twice)
        for deviation in (*HEADER_DEVIATIONS, *PAYLOAD_DEVIATIONS)
        for twice in (False, True)
    ]
    for rules in PLAIN_RULES:
        algorithm = rules.algorithms[0]
        pair, other = (PAIRS[name] for name in PAIR_OF[algorithm])
        for fault in (*members, *TIME_FAULTS, *TEXT_FAULTS, *TOKEN_FAULTS, *FORGERIES, critical):
            header, payload = honest_members(rules, algorithm, "k1")
            draft = Draft(rules, algorithm, header, payload, pair, other)
            fault(draft)
            yield Case(rules, (pair.key(), other.key("k2")), draft.token())
