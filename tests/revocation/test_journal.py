from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pygateway.revocation.entry import Revocation
from pygateway.revocation.journal import HEADING, SPARE, Journal, JournalFailed
from tests.revocation.gateways import jti, sub
from tests.support.patience import PATIENCE

ENTRIES = [jti("a"), jti("b", "https://issuer.example"), sub("ünï", 7.25)]


@contextmanager
def journal(path: Path) -> Iterator[Journal]:
    made = Journal(str(path))
    try:
        yield made
    finally:
        made.close()


def replayed(path: Path) -> list[Revocation]:
    with journal(path) as made:
        return made.replayed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "revocations.jsonl"


@pytest.fixture
def written(path: Path) -> bytes:
    with journal(path) as made:
        made.append(ENTRIES)
    return path.read_bytes()


def test_what_was_added_is_there_again(path: Path, written: bytes) -> None:
    assert replayed(path) == ENTRIES
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_torn_end_is_cut_off(path: Path, written: bytes) -> None:
    whole = written.splitlines(keepends=True)
    for end in range(len(written)):
        path.write_bytes(written[:end])
        kept = replayed(path)
        lines = sum(len(b"".join(whole[: n + 1])) <= end for n in range(1, len(whole)))
        assert kept == ENTRIES[:lines]
        with journal(path) as made:
            made.append([jti("next")])
        assert replayed(path) == [*kept, jti("next")]


def test_a_torn_end_may_have_lines_of_rubbish(path: Path, written: bytes) -> None:
    path.write_bytes(written + b"\0\0\0\n\xff\n{")
    assert replayed(path) == ENTRIES
    assert path.read_bytes() == written


def test_damage_in_the_middle_is_not_guessed_at(path: Path, written: bytes) -> None:
    path.write_bytes(written.replace(b'"a"', b'"a', 1))
    with pytest.raises(JournalFailed, match=r"revocations\.jsonl:2: the line is damaged"):
        journal(path).__enter__()


@pytest.mark.parametrize("text", [b"root:x:0:0\n", b"{}\n", b"\n"])
def test_a_file_of_something_else_is_left_alone(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    with pytest.raises(JournalFailed, match="is not a file of revocations"):
        journal(path).__enter__()
    assert path.read_bytes() == text


def test_two_gateways_cannot_share_a_file(path: Path) -> None:
    with journal(path) as first:
        with pytest.raises(JournalFailed, match="is in use by another gateway"):
            journal(path).__enter__()
        # Nor once it was replaced by another file of that name.
        first.rewrite(ENTRIES)
        with pytest.raises(JournalFailed, match="is in use by another gateway"):
            journal(path).__enter__()
    assert replayed(path) == ENTRIES


@pytest.mark.parametrize("place", ["nowhere/file", "."])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(JournalFailed, match=f"cannot open {tmp_path / place}: "):
        Journal(str(tmp_path / place))


def test_a_file_grown_long_wants_rewriting(path: Path) -> None:
    with journal(path) as made:
        made.append([jti("a")] * (SPARE + 2))
        assert not made.wants_rewriting(1)
        made.append([jti("a")])
        assert made.wants_rewriting(1)
        made.rewrite([jti("a")])
        assert not made.wants_rewriting(1)
    assert path.read_bytes().count(b"\n") == 2
    assert os.listdir(path.parent) == [path.name]


# A file may have at most so many bytes, as on a full disk; the signal that says so is ignored.
FULL_DISK = """
import resource, signal, sys
from pygateway.revocation.journal import Journal, JournalFailed
from tests.revocation.gateways import jti
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(sys.argv[1])
journal.append([jti("kept")])
resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
for attempt in range(3):
    try:
        journal.append([jti(str(number)) for number in range(10)])
        print("appended")
    except JournalFailed as failure:
        print(failure, journal.wants_rewriting(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.rewrite([jti("kept"), jti("later")])
print(journal.wants_rewriting(1))
"""


def test_a_full_disk_loses_nothing(path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path],
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=True,
    )
    assert done.stdout.splitlines() == [
        *[f"cannot write {path}: File too large True"] * 3,
        "False",
    ]
    assert [entry.name for entry in replayed(path)] == ["kept", "later"]
    assert path.read_bytes().startswith(HEADING)
