"""The aggregator's only loop: leases, the logs of all held rooms, commits, ticks, trimming."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from aggregator.errors import LeaseLostError, NewerSnapshotError
from aggregator.held_room import HeldRoom, load_room
from aggregator.leases import RENEW_EVERY_S, Lease, LeaseKeeper
from aggregator.metrics import AggregatorMetrics
from aggregator.plan import says_the_same
from aggregator.recorded_run import RecordedRun
from aggregator.retention import ALL_KEPT
from aggregator.store import Store
from schemas.errors import MalformedMessageError, NewerMessageError
from schemas.messages import RoomPlan, Tick, encode
from schemas.streams import LOG_MAX_AGE_S
from schemas.transport import (
    Client,
    Entry,
    dead_letter,
    id_before_ns,
    publish,
    read_logs,
    server_time_ns,
    trim_below,
)
from schemas.transport.entries import entry_time_ns, id_order

_log = structlog.get_logger(__name__)

TICK_AFTER_S: Final = 5.0
# Rows are committed at once; a position without rows only saves a successor some reading.
COMMIT_EVERY_S: Final = 12.0  # so that the rows of windows of 10 s come first
COMMIT_RUN_EVERY_S: Final = 1.0  # a recording's publisher waits for what is committed to be trimmed
TRIM_EVERY_S: Final = 5.0
KEPT_BEHIND_S: Final = 60.0
READ_COUNT: Final = 500
BLOCK_MS: Final = 200
LOOK_AGAIN_S: Final = 5.0  # at an entry or a state of a newer version

PlanOf = Callable[[str, int, RoomPlan | None], RoomPlan]  # room's slug, Unix ns, newest plan


class Aggregator:
    """Holds as many rooms as it can get and turns their logs into rows.

    Args:
        client: of the observations server.
        store: of the site.
        keeper: of this process' leases.
        room_numbers: number by slug of every room to serve.
        plan_of: builds a live room's plan from the site file and its calendars.
        metrics: of this process.
        run: the recording to serve instead of the live rooms; whoever sends it publishes its plan.
        plan_news: rooms whose plans may say something new since it was last asked.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        keeper: LeaseKeeper,
        room_numbers: Mapping[str, int],
        plan_of: PlanOf,
        metrics: AggregatorMetrics,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        run: RecordedRun | None = None,
        plan_news: Callable[[], set[str]] = set[str],
    ) -> None:
        self._client = client
        self._store = store
        self._keeper = keeper
        self._numbers = dict(room_numbers)
        self._names = {number: name for name, number in room_numbers.items()}
        self._plan_of = plan_of
        self._metrics = metrics
        self._monotonic = monotonic
        self._run = run
        self._plan_news = plan_news
        self._plans_due: set[str] = set()
        self._held: dict[int, HeldRoom] = {}
        self._renewed_s = float("-inf")
        self._refused: dict[int, float] = {}  # rooms of a newer program; when to look again

    def step(self) -> None:
        """One round: renew, read, feed, commit, tick, trim.

        Raises:
            TransportDownError, DatabaseUnavailableError, OperationalError: a server is away; call
                again later, nothing is lost.
        """
        if self._monotonic() - self._renewed_s >= RENEW_EVERY_S:
            self._keep_leases()
        self._commit_due()  # what an absent database has left waiting
        held_by_stream = {held.stream: held for held in self._held.values()}
        for stream, batch in self._read().items():
            self._take(held_by_stream[stream], batch)
        self._commit_due()
        self._follow_plans()
        self._tick_and_trim()
        blocked = any(held.blocked for held in self._held.values())
        self._metrics.ready.set(not (blocked or self._refused))

    def is_idle(self) -> bool:
        """Whether there is no room, and so no log to wait on."""
        return not self._held

    def is_over(self) -> bool:
        """Whether a recording is at its end and all of it is committed."""
        return bool(self._run and self._held) and all(
            held.room.is_over and not held.dirty for held in self._held.values()
        )

    def finish(self) -> None:
        """Commit what was taken and give the rooms back at once."""
        for held in list(self._held.values()):
            if held.dirty:
                self._commit(held)
        self._keeper.release([held.lease for held in self._held.values()])
        self._held.clear()

    def _keep_leases(self) -> None:
        kept = {lease.room_id for lease in self._keeper.renew(h.lease for h in self._held.values())}
        for held in [h for number, h in self._held.items() if number not in kept]:
            self._drop(held)
        now_s = self._monotonic()
        free = [n for n in self._names if n not in self._held]
        for lease in self._keeper.claim([n for n in free if now_s >= self._refused.get(n, now_s)]):
            try:
                self._open(lease)
            except NewerSnapshotError as exc:
                self._refuse(lease, str(exc))
        self._renewed_s = self._monotonic()
        self._metrics.rooms.set(len(self._held))

    def _open(self, lease: Lease) -> None:
        kept = self._run.kept if self._run else ALL_KEPT
        held = load_room(self._client, self._store, lease, self._names[lease.room_id], kept)
        if self._run is None:
            self._publish_plan(held)
        held.heard_s = held.committed_s = held.trimmed_s = self._monotonic()
        self._held[lease.room_id] = held
        self._refused.pop(lease.room_id, None)
        _log.info(
            "Room taken over",
            action="room_taken",
            room=held.name,
            position=held.room.position,
            fence=lease.fence,
        )

    def _refuse(self, lease: Lease, reason: str) -> None:
        """Leave a room alone whose state only a newer version understands; it may take it."""
        self._keeper.release([lease])
        if lease.room_id not in self._refused:
            name = self._names[lease.room_id]
            _log.error(
                "Waiting for an upgrade of this service",
                action="newer_state",
                room=name,
                reason=reason,
            )
        self._refused[lease.room_id] = self._monotonic() + LOOK_AGAIN_S

    def _publish_plan(self, held: HeldRoom) -> None:
        plan = self._plan_of(held.name, server_time_ns(self._client), held.newest_plan)
        if held.newest_plan is None or not says_the_same(held.newest_plan, plan):
            publish(self._client, held.stream, encode(plan))
            _log.info("Room plan published", action="plan_published", room=held.name)

    def _follow_plans(self) -> None:
        """Publish anew what has changed; a room taken over later gets its plan then."""
        self._plans_due |= self._plan_news()
        for held in [held for held in self._held.values() if held.name in self._plans_due]:
            self._publish_plan(held)
            self._plans_due.discard(held.name)
        self._plans_due &= {held.name for held in self._held.values()}

    def _drop(self, held: HeldRoom) -> None:
        del self._held[held.lease.room_id]
        _log.warning("Room lost to another aggregator", action="room_lost", room=held.name)

    def _read(self) -> dict[str, list[Entry]]:
        """New entries of the rooms, by stream; without those stuck before a newer version."""
        now_s = self._monotonic()
        positions = {
            held.stream: held.room.position
            for held in self._held.values()
            if now_s >= held.look_again_s
        }
        batches: dict[str, list[Entry]] = {}
        for entry in read_logs(self._client, positions, count=READ_COUNT, block_ms=BLOCK_MS):
            batches.setdefault(entry.stream, []).append(entry)
        return batches

    def _take(self, held: HeldRoom, batch: Sequence[Entry]) -> None:
        for entry in batch:
            try:
                held.take(entry)
            except NewerMessageError as exc:
                self._block(held, entry, str(exc))
                return
            except MalformedMessageError as exc:
                self._bury(held, entry, str(exc))
        held.heard_s = self._monotonic()
        held.blocked = False
        self._metrics.entries.labels(held.name).inc(len(batch))
        lag_s = time.time() - entry_time_ns(batch[-1].entry_id) / 1e9
        self._metrics.lag_seconds.labels(held.name).set(max(0.0, lag_s))

    def _block(self, held: HeldRoom, entry: Entry, reason: str) -> None:
        """Wait before an entry that only a newer version understands."""
        if not held.blocked:
            _log.error(
                "Waiting for an upgrade of this service",
                action="newer_message",
                room=held.name,
                entry_id=entry.entry_id,
                reason=reason,
            )
        held.blocked = True
        held.look_again_s = self._monotonic() + LOOK_AGAIN_S

    def _bury(self, held: HeldRoom, entry: Entry, reason: str) -> None:
        """Keep what nobody can use among the dead letters, and go on."""
        dead_letter(
            self._client,
            origin_stream=entry.stream,
            entry_id=entry.entry_id,
            error=reason,
            fields=entry.fields,
        )
        held.skip(entry)
        self._metrics.dead_letters.labels(held.name).inc()
        _log.warning(
            "An entry of the room's log cannot be used",
            action="dead_letter",
            room=held.name,
            entry_id=entry.entry_id,
            reason=reason,
        )

    def _commit_due(self) -> None:
        now_s = self._monotonic()
        every_s = COMMIT_EVERY_S if self._run is None else COMMIT_RUN_EVERY_S
        for held in list(self._held.values()):
            if held.rows or (held.dirty and now_s - held.committed_s >= every_s):
                self._commit(held)

    def _commit(self, held: HeldRoom) -> None:
        tables = [type(row).__name__.removesuffix("Row") for row in held.rows]
        try:
            with self._metrics.commit_seconds.time():
                held.commit(self._store)
        except LeaseLostError:
            self._drop(held)
            return
        held.committed_s = self._monotonic()
        for table in tables:
            self._metrics.rows.labels(table).inc()
        for reason, count in held.room.state.counts.items():
            self._metrics.unused.labels(held.name, reason).set(count)

    def _tick_and_trim(self) -> None:
        now_s = self._monotonic()
        for held in self._held.values():
            is_silent = now_s - held.heard_s >= TICK_AFTER_S and not held.blocked
            if is_silent and self._run is None:
                publish(self._client, held.stream, encode(Tick(room_id=held.name)))
                held.heard_s = now_s
            if now_s - held.trimmed_s >= TRIM_EVERY_S and not held.dirty:
                self._trim(held)
                held.trimmed_s = now_s

    def _trim(self, held: HeldRoom) -> None:
        """Drop what was committed a minute ago, and in any case what is older than an hour.

        The minute is for those who only look on, like the live table of `facepose up`. Of a
        recording only what is committed is dropped, and at once: its publisher waits for that.
        """
        if self._run is not None:
            trim_below(self._client, held.stream, held.room.position)
            return
        oldest_ns = server_time_ns(self._client) - int(LOG_MAX_AGE_S * 1e9)
        seen_ns = max(0, entry_time_ns(held.room.position) - int(KEPT_BEHIND_S * 1e9))
        below = max(id_before_ns(seen_ns), id_before_ns(oldest_ns), key=id_order)
        trim_below(self._client, held.stream, below)
