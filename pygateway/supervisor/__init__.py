"""The process that owns the listening sockets and keeps workers serving them.

lifecycle    Supervisor: start, reload, drain, by signal
generation   the workers that run one configuration; restarts those that die
process      one worker process: start, readiness, end
listening    binds addresses; sockets outlive workers and reloads
restart      how long to wait before a worker is started again (arithmetic)
assembly     every worker there is: tells them what is revoked, asks them how they are
operations   what the admin server offers, and what that needs: revocations, the assembly
administration   where and while the admin server runs
health, upstream_overview, limits  what workers' reports say, taken together
status       describes all of it
counting     the memory in which all workers count
tally        adds up what each of them counts for itself
measuring    joins what is known into measurements
processes    what workers take of the machine
upstreams, limits   what workers' reports say about those, taken together
sampling     looks every few seconds at what was counted
traffic      rates and percentiles of the last quarter of an hour (arithmetic)
traffic_report      describes them
"""

from pygateway.supervisor.lifecycle import Supervisor
from pygateway.supervisor.listening import CannotListen
from pygateway.supervisor.process import WorkerFailed

__all__ = ["CannotListen", "Supervisor", "WorkerFailed"]
