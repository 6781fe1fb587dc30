"""Problems as they are found: at a position, in any order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pygateway.errors import ConfigurationProblem

from .document import Position


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and its position; what of the source may be shown is known only later."""

    code: str
    message: str
    position: Position | None
    severity: Literal["error", "warning"]
    allowed: tuple[str, ...]
    suggestion: str | None

    def problem(self) -> ConfigurationProblem:
        """Return what is reported."""
        if self.position is None:
            return ConfigurationProblem(
                self.code,
                self.message,
                self.severity,
                allowed=self.allowed,
                suggestion=self.suggestion,
            )
        source, line = self.position.source, self.position.line
        shown = source.lines[line - 1] if line and line <= len(source.lines) else None
        message = f"{source.variable}: {self.message}" if source.variable else self.message
        return ConfigurationProblem(
            code=self.code,
            message=message,
            severity=self.severity,
            file=source.name,
            line=line,
            column=self.position.column,
            source_line=shown,
            allowed=self.allowed,
            suggestion=self.suggestion,
        )


@dataclass(slots=True)
class Findings:
    """Every problem of one configuration."""

    found: list[Finding] = field(default_factory=list)

    def add(
        self,
        code: str,
        message: str,
        position: Position | None,
        *,
        severity: Literal["error", "warning"] = "error",
        allowed: Iterable[str] = (),
        suggestion: str | None = None,
    ) -> None:
        """Note one problem."""
        self.found.append(Finding(code, message, position, severity, tuple(allowed), suggestion))

    def has_errors(self) -> bool:
        """Tell whether anything was found that keeps the gateway from starting."""
        return any(finding.severity == "error" for finding in self.found)

    def problems(self) -> tuple[ConfigurationProblem, ...]:
        """Return what is reported: in the order of the source, each problem once."""
        problems = dict.fromkeys(finding.problem() for finding in self.found)
        return tuple(
            sorted(
                problems,
                key=lambda problem: (
                    problem.file or "",
                    problem.line or 0,
                    problem.column or 0,
                    problem.message,
                ),
            )
        )
