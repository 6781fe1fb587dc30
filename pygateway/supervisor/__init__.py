"""The process that owns the listening sockets and keeps workers serving them.

lifecycle    Supervisor: start, reload, drain, by signal
generation   the workers that run one configuration; restarts those that die
process      one worker process: start, readiness, end
listening    binds addresses; sockets outlive workers and reloads
restart      how long to wait before a worker is started again (arithmetic)
"""

from pygateway.supervisor.lifecycle import Supervisor
from pygateway.supervisor.listening import CannotListen
from pygateway.supervisor.process import WorkerFailed

__all__ = ["CannotListen", "Supervisor", "WorkerFailed"]
