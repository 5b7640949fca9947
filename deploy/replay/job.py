"""One recording from its films to its rows: what is done in which order, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from rich.console import Console
from sqlalchemy import Engine

from aggregator.calibration.ranges import stored_directions
from aggregator.held_room import resumes_at
from aggregator.leases import Lease
from aggregator.plan import build_plan
from aggregator.reference import Places
from aggregator.seated import seated_students
from aggregator.store import Store
from deploy.local.stack import Servers
from deploy.recording import Recording
from deploy.replay import run_streams
from deploy.replay.history import History, Known
from deploy.replay.processes import Processes
from deploy.replay.progress import ReplayBar, clock_time
from deploy.replay.request import ReplayRequest
from deploy.replay.summary import show_summary
from ingest.errors import ReplayStoppedError
from ingest.recording.replay import Replay, ReplayProgress
from ingest.recording.run_log import Run
from schemas.database import connect, create_engine, require_migrated
from schemas.messages import RoomPlan, encode
from schemas.room_plan import SeatedStudent, StoredDirection
from schemas.site import Site
from schemas.streams import faces_stream
from schemas.sync import mask_bits
from schemas.transport import Client, publish
from schemas.transport import connect as connect_redis

WATCH_EVERY_S: Final = 0.5


@dataclass
class ReplayJob:
    """One recording on its way into the history.

    Attributes:
        site: the whole site file.
        request: what is to be sent.
        servers: where to.
        processes: who analyses it and writes the rows.
        console: for people.
        stop: set to end early; the run can be taken up again.
        clock: seconds that only grow.
    """

    site: Site
    request: ReplayRequest
    servers: Servers
    processes: Processes
    console: Console
    stop: threading.Event
    clock: Callable[[], float] = time.monotonic
    _looked_s: float = field(default=float("-inf"), init=False)

    def run(self) -> bool:
        """Send the films unless they are history already; False when it was stopped early.

        Raises:
            FacePoseError: it cannot be sent; the text says what to do.
        """
        settings = self.servers.settings
        engine = create_engine(settings.require_database_url())
        try:
            with (
                connect_redis(settings.require_frames_url()) as frames,
                connect_redis(settings.require_faces_url()) as faces,
            ):
                return self._run(engine, frames, faces)
        finally:
            engine.dispose()

    def _run(self, engine: Engine, frames: Client, faces: Client) -> bool:
        places = Places(self.site.site.id)
        with connect(engine) as connection:
            require_migrated(connection)
            places.load(connection)
            bits = mask_bits(connection, self.site.site.id)
            room = self.request.room.id
            number = places.room(room)
            known = stored_directions(connection, number, self.request.start)
            seated = seated_students(
                connection, self.site.site.id, self.site.rules, self.request.start
            ).get(room, ())
        history = History(engine, self.request, self.site.site.id, number)
        with history.alone():
            if history.known() is Known.ALL:
                self._say("This recording is part of the history already; nothing is done.")
                show_summary(self.console, history)
                return True
            lease = Lease(number, self.request.run_id, "", 0)
            from_s = resumes_at(faces, Store(engine, places), lease, room)
            run = Run(self.request.run_id, room, self.request.start_ns, from_s)
            return self._send(run, self._plan(bits, known, seated), history, frames, faces)

    def _plan(
        self,
        mask_bits: Mapping[str, int],
        directions: tuple[StoredDirection, ...],
        seated: tuple[SeatedStudent, ...],
    ) -> RoomPlan:
        """The room's plan, with the calibrations and seats that held when the film was taken."""
        request = self.request
        plan = build_plan(
            self.site,
            request.room,
            mask_bits,
            request.start_ns,
            request.run_id,
            request.recording,
        )
        return msgspec.structs.replace(plan, calibrations=directions, seated=seated)

    def _send(
        self, run: Run, plan: RoomPlan, history: History, frames: Client, faces: Client
    ) -> bool:
        run_streams.empty(self.request, frames, faces)
        publish(faces, faces_stream(run.room_id, run.run_id), encode(plan))
        skipped_s = max(0, run.from_s - run.start_s)
        if skipped_s:
            self._say(f"Going on at {clock_time(skipped_s)}, where an earlier attempt ended.")
        bar = ReplayBar(self.console, self.request.length_s, skipped_s, self.clock)
        replay = self._replay(run, frames, faces, bar)
        try:
            self.processes.start(self.servers, Recording(run.run_id, run.room_id))
            with bar:
                replay.send()
                self._wait_for_the_last_rows(history, bar, replay.progress)
        except ReplayStoppedError:
            done = clock_time(replay.progress.film_s)
            self._say(f"Stopped at {done}. The same command goes on from there.")
            return False
        finally:
            self.processes.stop()
        dead = run_streams.count_dead(self.request, faces)
        run_streams.remove(self.request, frames, faces)
        speed = bar.times_real_time(replay.progress)
        show_summary(self.console, history, replay.progress, dead=dead, times_real_time=speed)
        return True

    def _replay(self, run: Run, frames: Client, faces: Client, bar: ReplayBar) -> Replay:
        def look(progress: ReplayProgress) -> None:
            if self.clock() - self._looked_s >= WATCH_EVERY_S:
                self._looked_s = self.clock()
                self._watch()
                bar.show(progress)

        return Replay(
            run,
            self.request.cameras,
            frames,
            faces,
            jpeg_quality=self.servers.settings.jpeg_quality,
            wait=self.stop.wait,
            look=look,
        )

    def _wait_for_the_last_rows(
        self, history: History, bar: ReplayBar, progress: ReplayProgress
    ) -> None:
        # Asked right before the look at the processes: the run's aggregator ends by itself.
        while not history.is_complete():
            self._watch()
            bar.show(progress)
            if self.stop.wait(WATCH_EVERY_S):
                raise ReplayStoppedError("the replay was stopped")

    def _watch(self) -> None:
        if self.servers.caretaker is not None:
            self.servers.caretaker.look()
        self.processes.watch()

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
