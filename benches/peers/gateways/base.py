"""What every gateway here can say and do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

from benches.peers.installation import Installation
from benches.peers.job import Job, Place

ONE_CORE = MappingProxyType({"GOMAXPROCS": "1"})
"""For programs in Go: threads that run at a time."""


class Gateway(ABC):
    """A gateway that can be given a job.

    Attributes:
        name: By which it is selected and listed.
        program: What it runs, in the installation; "" if it is not from there.
        limit: How it limits a user.
        environment: Variables beyond those that all have.
    """

    name: str
    program: str = ""
    limit: str = "sliding window"
    environment: Mapping[str, str] = MappingProxyType({})

    def version(self, installation: Installation) -> str:
        """The version that runs.

        Raises:
            Missing: It could not be had.
        """
        return installation.version(self.program)

    def cannot(self, job: Job) -> str:
        """Why it cannot do the job; "" if it can."""
        if job.redis:
            return "counts in no Redis by itself"
        return ""

    def lacks(self, job: Job) -> tuple[str, ...]:
        """Parts of the job that it may leave out, by the names of the checks."""
        del job
        return ()

    def ready(self, place: Place) -> bool:
        """Whether it has read its configuration, now that it listens."""
        del place
        return True

    @abstractmethod
    def command(self, job: Job, place: Place, installation: Installation) -> list[str]:
        """Write the configuration; gives the command line that runs it in the foreground."""
