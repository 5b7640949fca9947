"""Kills one process as a kill of the schedule says, and makes sure that it is dead."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from deploy.chaos.errors import ChaosError
from deploy.chaos.schedule import Kill, Target
from deploy.chaos.servers import ChaosServers, kill_server
from deploy.local.supervisor import Supervisor
from schemas.fault_points import IN_COMMIT, PUBLISHED, order_path

WORKERS: Final = ("worker-0", "worker-1")
AGGREGATORS: Final = ("aggregator-0", "aggregator-1")
_GONE_AFTER_S: Final = 10.0
_PASSES_AFTER_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.05


class Executioner:
    """Ends processes the hard way.

    Args:
        servers: of this run.
        supervisor: of the services.
        orders: folder of the fault points' orders.
        look: called again and again while waiting: restarts what died, reads the log.
    """

    def __init__(
        self,
        servers: ChaosServers,
        supervisor: Supervisor,
        orders: Path,
        look: Callable[[], None],
    ) -> None:
        self.kills: Counter[Target] = Counter()
        self.points: Counter[str] = Counter()
        self._servers = servers
        self._supervisor = supervisor
        self._orders = orders
        self._look = look
        self._aimed = 0

    def carry_out(self, kill: Kill) -> None:
        """Kill, and return when the process is dead.

        Raises:
            ChaosError: nothing passed the point, or a process survived.
        """
        match kill.target:
            case Target.INGEST:
                processes = self._ingest_processes()
                self._kill(processes[kill.pick(len(processes))])
            case Target.WORKER:
                self._kill(self._living(WORKERS[kill.pick(len(WORKERS))]))
            case Target.AGGREGATOR:
                self._kill(self._living(AGGREGATORS[kill.pick(len(AGGREGATORS))]))
            case Target.FRAMES:
                kill_server(self._servers.frames, with_children=False)
            case Target.FACES:
                kill_server(self._servers.faces, with_children=False)
            case Target.POSTGRES:
                kill_server(self._servers.postgres, with_children=kill.pick(2) == 0)
            case Target.PUBLISHED:
                self._let_die(WORKERS, PUBLISHED)
            case Target.COMMIT:
                point = IN_COMMIT[self._aimed % len(IN_COMMIT)]
                self._aimed += 1
                self._let_die(AGGREGATORS, point)
        self.kills[kill.target] += 1

    def _ingest_processes(self) -> list[int]:
        """The service and the processes that read its cameras."""
        first = psutil.Process(self._living("ingest"))
        return [first.pid, *(child.pid for child in first.children(recursive=True))]

    def _living(self, service: str) -> int:
        """Process id of a service, once it lives: killing the dead would prove nothing."""
        self._wait_until(
            lambda: _lives(self._supervisor.pid(service)),
            f"{service} was not started again",
            _GONE_AFTER_S,
        )
        return self._supervisor.pid(service)

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._wait_until(lambda: not _lives(pid), f"process {pid} survived", _GONE_AFTER_S)

    def _let_die(self, services: Sequence[str], point: str) -> None:
        """Whichever of the services passes the point first dies there."""
        pids = {name: self._supervisor.pid(name) for name in services}
        orders = [order_path(self._orders, pid, point) for pid in pids.values()]
        for order in orders:
            order.touch()

        def renew() -> bool:
            """Whether one has died; a service that was started anew gets the order, too."""
            taken = [order for order in orders if not order.exists()]
            for name in services:
                if not taken and (pid := self._supervisor.pid(name)) != pids[name]:
                    pids[name] = pid
                    orders.append(order_path(self._orders, pid, point))
                    orders[-1].touch()
            return bool(taken)

        try:
            self._wait_until(renew, f"no {services[0][:-2]} passed {point!r}", _PASSES_AFTER_S)
        finally:
            for order in orders:
                order.unlink(missing_ok=True)
        self.points[point] += 1

    def _wait_until(self, condition: Callable[[], bool], trouble: str, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise ChaosError(f"{trouble} in {timeout_s:g} s")
            self._look()
            time.sleep(_LOOK_EVERY_S)


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
