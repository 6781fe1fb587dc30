"""From a file, the environment and the command line to a `Config`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygateway.errors import ConfigurationError, ConfigurationProblem

from .api_keys import entries_of, pepper_of, read_api_key_files
from .checks import check_references
from .collector import collector_held
from .document import MappingNode, Node, Position, Source, node_of
from .doubts import warn
from .environment import NO_OVERRIDES, Overrides, follow_seeds, overlay, override, refuse_seeds
from .findings import Findings
from .gate_specification import gate_specification
from .interpolation import interpolate
from .keys import KeyProblem, static_keys
from .model.providers import Provider
from .model.root import Config
from .reader import read_file, read_text
from .redaction import redact
from .secret_files import read_secret_files
from .subject import Subject
from .validation import validate

if TYPE_CHECKING:
    from pygateway import _core

Builder = Callable[[Config], object]
"""Builds something from a configuration, as a trial; raises ConfigurationError if it cannot."""


def load(
    path: Path | None,
    environment: Mapping[str, str],
    overrides: Overrides = NO_OVERRIDES,
) -> Config:
    """Read the configuration; without a file, from the environment alone.

    Raises:
        ConfigurationError: with everything that is wrong.
    """
    return _or_raise(*_read(path, environment, overrides))


@collector_held()
def load_text(
    text: str,
    environment: Mapping[str, str] | None = None,
    *,
    name: str = "configuration",
    directory: Path | None = None,
) -> Config:
    """Read the configuration from YAML text.

    Args:
        text: YAML.
        environment: Variables, as for `load`.
        name: What stands for the file in problems.
        directory: Where relative paths start.

    Raises:
        ConfigurationError: with everything that is wrong.
    """
    findings = Findings()
    source = Source(name)
    root = read_text(text, source, findings)
    redact(source, root)
    return _or_raise(*_assemble(root, source, directory, environment or {}, NO_OVERRIDES, findings))


@collector_held()
def load_mapping(
    mapping: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    *,
    name: str = "command line",
) -> Config:
    """Make the configuration of plain values, as commands do that have no file.

    Raises:
        ConfigurationError: with everything that is wrong; `name` stands for the file.
    """
    source = Source(name)
    root = node_of(mapping, Position(source))
    return _or_raise(*_assemble(root, source, None, environment or {}, NO_OVERRIDES, Findings()))


def check(
    path: Path | None,
    environment: Mapping[str, str],
    overrides: Overrides = NO_OVERRIDES,
    *,
    builders: Iterable[Builder] = (),
) -> tuple[Config | None, tuple[ConfigurationProblem, ...]]:
    """Read the configuration and build everything that running would build.

    Args:
        path: The file, or None.
        environment: Variables.
        overrides: What the command line says.
        builders: What else to build on trial, such as pools and TLS contexts.

    Returns:
        The configuration, None if there are errors; and every problem, warnings included.
    """
    config, findings = _read(path, environment, overrides)
    if config is None:
        return None, findings.problems()
    refused: list[ConfigurationProblem] = []
    for builder in (build_gate, *builders):
        try:
            builder(config)
        except ConfigurationError as error:
            refused += error.problems
    usable = not any(problem.severity == "error" for problem in refused)
    return config if usable else None, (*findings.problems(), *refused)


def build_gate(config: Config) -> None:
    """Build the native gate on trial.

    Raises:
        ConfigurationError: the gate refuses what the models let through.
    """
    from pygateway import _core  # noqa: PLC0415  reading and showing need no native module

    try:
        gate = _core.Gate(gate_specification(config), bytes(32))
    except _core.SpecError as error:
        raise ConfigurationError((ConfigurationProblem("bad-routing", str(error)),)) from error
    for index, (name, provider) in enumerate(config.auth.providers.items()):
        try:
            _give_keys(gate, index, provider)
        except (ValueError, KeyProblem) as error:
            problem = ConfigurationProblem("bad-key", f"provider `{name}`: {error}")
            raise ConfigurationError((problem,)) from error


def _give_keys(gate: _core.Gate, index: int, provider: Provider) -> None:
    if provider.api_keys is not None:
        gate.set_api_keys(index, pepper_of(provider.api_keys), [*entries_of(provider.api_keys)])
    elif provider.kind == "jwt" and not provider.fetches_keys:
        gate.set_keys(index, [*static_keys(provider)], False)


@collector_held()
def _read(
    path: Path | None, environment: Mapping[str, str], overrides: Overrides
) -> tuple[Config | None, Findings]:
    findings = Findings()
    if path is None:
        source = Source("environment")
        root: Node | None = MappingNode(Position(source))
        return _assemble(root, source, None, environment, overrides, findings)
    root, source = read_file(path, findings)
    redact(source, root)
    return _assemble(root, source, path.parent, environment, overrides, findings)


def _assemble(
    root: Node | None,
    source: Source,
    directory: Path | None,
    environment: Mapping[str, str],
    overrides: Overrides,
    findings: Findings,
) -> tuple[Config | None, Findings]:
    """Lay everything over the document and validate it; the config is None if there are errors."""
    refuse_seeds(environment, findings)
    if root is None:
        return None, findings
    if not isinstance(root, MappingNode):
        findings.add("wrong-type", "a configuration is a mapping", root.position)
        return None, findings
    interpolate(root, environment, findings)
    overlay(root, environment, findings)
    override(root, overrides)
    follow_seeds(root, environment, findings)
    read_secret_files(root, directory, findings)
    read_api_key_files(root, directory, findings)
    config = validate(root, directory, findings)
    if config is not None:
        subject = Subject(config, root, findings)
        check_references(subject)
        if not findings.has_errors():
            warn(subject)
    return (None if findings.has_errors() else config), findings


def _or_raise(config: Config | None, findings: Findings) -> Config:
    if config is None:
        errors = (p for p in findings.problems() if p.severity == "error")
        raise ConfigurationError(tuple(errors))
    return config
