"""The native door alone, so that a test can pass the time in."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from pygateway._core import Gate, Reject, Unverified
from pygateway.config import gate_specification, load_text
from pygateway.config.keys import static_keys
from tests.support.client import request
from tests.support.gateway import configuration, route

if TYPE_CHECKING:
    from tests.support.gateway import Document

ACCEPTED = "accepted"


class Door:
    """A gate with the providers of a configuration; what it says of tokens, and when."""

    def __init__(self, providers: Document, **auth: Any) -> None:  # noqa: ANN401
        document = configuration(
            {"app": "http://127.0.0.1:9"},
            auth={"providers": providers} | auth,
            routes=[
                route(name, f"/{name}/*", upstream="app", auth={"provider": name})
                for name in providers
            ],
        )
        config = load_text(json.dumps(document))
        self.gate = Gate(gate_specification(config), os.urandom(32))
        self.peer = self.gate.peer("192.0.2.1", False)
        self.index = {name: number for number, name in enumerate(providers)}
        self.first = next(iter(providers))
        for name, provider in config.auth.providers.items():
            if provider.kind == "jwt":
                self.gate.set_keys(self.index[name], [*static_keys(provider)], False)

    def ask(self, token: str, now: float, place: str | None = None) -> str:
        """`accepted`, or the name of the problem; a signature is verified at once."""
        head = request("GET", f"/{place or self.first}/a", f"Authorization: Bearer {token}")
        decision = self.gate.decide_head(head, self.peer, now)
        if isinstance(decision, Unverified):
            assert decision.kind == "signature", decision.kind
            verdict = self.gate.verify(decision, now)
            decision = self.gate.decide_head(head, self.peer, now, verdict)
            assert not isinstance(decision, Unverified), "judged, and yet asked again"
        return decision.reason if isinstance(decision, Reject) else ACCEPTED

    def is_remembered(self, token: str, now: float, place: str | None = None) -> bool:
        """Whether the gate answers for a token without any signature work."""
        head = request("GET", f"/{place or self.first}/a", f"Authorization: Bearer {token}")
        return not isinstance(self.gate.decide_head(head, self.peer, now), Unverified)

    def revoke(self, now: float, **entry: object) -> int:
        """Revoke one thing, for a day."""
        entries = [{"expires": now + 86_400} | entry]
        return self.gate.revoke(json.dumps(entries).encode(), now)

    def statistics(self) -> dict[str, Any]:
        """What the gate counts."""
        counts: dict[str, Any] = json.loads(self.gate.auth_statistics())
        return counts
