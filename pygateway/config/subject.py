"""What checks look at: the configuration, the document it was made of, and where findings go."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from .document import MappingNode, Path, Position, ScalarNode, locate
from .findings import Findings
from .model.root import Config


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked, and where its findings go.

    The configuration may lack what validation dropped, so whether something was written is asked
    of the document, and what it says is asked of the models.
    """

    config: Config
    root: MappingNode
    findings: Findings

    def position(self, *path: str | int, key: bool = False) -> Position:
        """Return where the value at `path`, or its key, was written."""
        return locate(self.root, path, key=key).position

    def written(self, *path: str | int) -> tuple[str, ...]:
        """Return the keys with a value, good or bad, of the mapping at `path`; none without it."""
        found = locate(self.root, path)
        if not found.complete or not isinstance(found.node, MappingNode):
            return ()
        return tuple(
            key
            for key, entry in found.node.entries.items()
            if not (isinstance(entry.value, ScalarNode) and entry.value.text is None)
            or entry.value.dropped
        )

    def error(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        key: bool = False,
        allowed: Iterable[str] = (),
        suggestion: str | None = None,
    ) -> None:
        """Note an error about the value at `path`, or about its key."""
        position = self.position(*path, key=key)
        self.findings.add(code, message, position, allowed=allowed, suggestion=suggestion)

    def warn(self, code: str, message: str, path: Path, *, key: bool = False) -> None:
        """Note a warning about the value at `path`, or about its key."""
        self.findings.add(code, message, self.position(*path, key=key), severity="warning")

    def check_authorities(self, file: str | None, path: Path) -> None:
        """Check that a file of authorities, if there is one, holds certificates."""
        if file is None:
            return
        try:
            ssl.create_default_context(cafile=file)
        except ssl.SSLError:
            self.error("bad-file", "the file holds no certificates in PEM form", path)
        except OSError as error:
            self.error("unreadable-file", f"cannot read the file: {error.strerror}", path)
