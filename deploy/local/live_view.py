"""The live table of `up` and `demo`: what each camera and room is doing now.

It reads the rooms' logs, as the aggregator does, and the newest windows from PostgreSQL; it
changes nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from rich.console import Group
from rich.table import Table
from rich.text import Text

from deploy.local.report_lines import report_lines
from schemas.errors import MessageError
from schemas.messages import (
    MAX_CLOCK_OFFSET_MS,
    CameraStatus,
    EndOfStream,
    FrameFaces,
    RoomMessage,
    decode_room_message,
)
from schemas.site import Site
from schemas.streams import faces_stream
from schemas.transport import TransportDownError, connect, last_id, read_log

SPAN_S: Final = 10.0
EPOCHS_KEPT: Final = 3  # records of older connections do not come any more

CLASS_INDEX: Final = sa.text(
    """
    SELECT r.slug, w.window_start, sum(w.sum_x) / nullif(sum(w.n_obs), 0) / 100.0 AS index,
           count(*) FILTER (WHERE w.score IS NOT NULL) AS scored, count(*) AS students
    FROM attention_windows w JOIN rooms r USING (room_id)
    WHERE w.window_start = (SELECT max(x.window_start) FROM attention_windows x
                            WHERE x.room_id = w.room_id AND x.window_start > :since)
    GROUP BY r.slug, w.window_start
    """
)


@dataclass
class CameraView:
    """What the log says about one camera."""

    room_id: str
    state: str = "waiting"
    reason: str = ""
    clock_offset_ms: int = 0
    analysed: int = 0
    not_analysed: int = 0
    refused: int = 0
    sampled: dict[str, int] = field(default_factory=dict)  # frames of new epochs, by their seq
    sampled_before: int = 0  # frames of older ones
    recent: deque[tuple[float, int, float]] = field(default_factory=lambda: deque(maxlen=400))

    def feed(self, message: RoomMessage, now_s: float) -> None:
        """Take in one message about this camera."""
        if isinstance(message, CameraStatus | EndOfStream):
            self._count(message.epoch, message.last_seq)
        if isinstance(message, CameraStatus):
            self.state, self.reason = message.state, message.reason or message.cause
            self.clock_offset_ms = message.clock_offset_ms or 0
            self.refused = message.refused
        elif isinstance(message, FrameFaces):
            self._count(message.epoch, message.seq)
            if message.outcome == "analysed":
                self.analysed += 1
                lag_s = (message.analysed_at - message.captured_at) / 1e9
                self.recent.append((now_s, len(message.faces), lag_s))
            else:
                self.not_analysed += 1

    @property
    def dropped(self) -> int:
        """Sampled frames that were not analysed; at the end, for then nothing is in flight."""
        return self.sampled_before + sum(self.sampled.values()) - self.analysed

    @property
    def condition(self) -> str:
        """The state, and what a person should know about it."""
        notes = [self.reason] if self.reason else []
        if abs(self.clock_offset_ms) > MAX_CLOCK_OFFSET_MS:
            notes.append(f"this machine's clock is {self.clock_offset_ms / 1000:+.2f} s off")
        return f"{self.state}: {'; '.join(notes)}" if notes else self.state

    def _count(self, epoch: str, seq: int) -> None:
        if self.sampled_before and epoch < min(self.sampled):
            return
        self.sampled[epoch] = max(self.sampled.get(epoch, 0), seq + 1)
        if len(self.sampled) > EPOCHS_KEPT:
            self.sampled_before += self.sampled.pop(min(self.sampled))

    def row(self, now_s: float) -> tuple[str, str, str, str, str]:
        """State, frames per second, faces, lag and drops, as text."""
        fresh = [entry for entry in self.recent if now_s - entry[0] <= SPAN_S]
        if not fresh:
            return self.condition, "0.0", "–", "–", str(self.not_analysed + self.refused)
        return (
            self.condition,
            f"{len(fresh) / SPAN_S:.1f}",
            str(fresh[-1][1]),
            f"{max(lag for _, _, lag in fresh):.2f} s",
            str(self.not_analysed + self.refused),
        )


class LiveView:
    """Follows the rooms' logs and draws them as tables."""

    def __init__(
        self,
        site: Site,
        faces_url: str,
        engine: sa.Engine,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = connect(faces_url)
        self._engine = engine
        self._clock = clock
        self._started_s = clock()
        self._rooms: list[str] = []
        self._positions: dict[str, str] = {}
        self.cameras: dict[str, CameraView] = {}
        self.note = ""
        self._site = site
        self.follow(site)

    def follow(self, site: Site) -> None:
        """Show this site; what is known of rooms and cameras that stay is kept."""
        self._site = site
        self._rooms = [room.id for room in site.rooms]
        for room in self._rooms:
            if room not in self._positions:
                self._positions[room] = last_id(self._client, faces_stream(room))
        self.cameras = {
            camera.id: self.cameras.get(camera.id) or CameraView(room.id)
            for room, camera in site.cameras()
        }

    def update(self) -> None:
        """Read what is new in the logs; a server that is away shows as a note."""
        self.note = ""
        try:
            for room in self._rooms:
                self._read(room)
        except TransportDownError:
            self.note = "observations server not reachable; waiting for it"

    def _read(self, room: str) -> None:
        while entries := read_log(
            self._client, faces_stream(room), self._positions[room], count=500, block_ms=None
        ):
            for entry in entries:
                self._positions[room] = entry.id
                try:
                    message = decode_room_message(entry.fields)
                except MessageError:
                    continue
                camera = self.cameras.get(getattr(message, "camera_id", ""))
                if camera is not None:
                    camera.feed(message, self._clock())

    def render(self, headline: str = "", restarts: Sequence[str] = ()) -> Group:
        """The tables as they stand."""
        tables = self._cameras_table(), self._rooms_table()  # drawing the second may leave a note
        reports = [Text(line) for line in self._report_lines()]
        lines = [Text(line, style="yellow") for line in (self.note, *restarts) if line]
        return Group(Text(headline, style="bold"), *tables, *reports, *lines)

    def _report_lines(self) -> list[str]:
        try:
            with self._engine.connect() as connection:
                return list(report_lines(connection, self._site))
        except sa.exc.SQLAlchemyError:
            return []  # the rooms' table has noted it

    def _cameras_table(self) -> Table:
        table = Table("camera", "room", "state", "fps", "faces", "lag", "drops", title="Cameras")
        now_s = self._clock()
        for camera_id, camera in self.cameras.items():
            state, *figures = camera.row(now_s)
            table.add_row(camera_id, camera.room_id, state, *figures)
        return table

    def _rooms_table(self) -> Table:
        table = Table(
            "room",
            "visual orientation index",
            "students scored",
            "window",
            title="Rooms, newest window",
        )
        try:
            rows = {row.slug: row for row in self._newest_windows()}
        except sa.exc.SQLAlchemyError:
            self.note = self.note or "database not reachable; waiting for it"
            rows = {}
        for room in self._rooms:
            row = rows.get(room)
            if row is None:
                table.add_row(room, "–", "–", "no window yet")
            else:
                index = "–" if row.index is None else f"{row.index:.0f} of 100"
                scored = f"{row.scored} of {row.students}"
                table.add_row(room, index, scored, f"{row.window_start:%H:%M:%S} UTC")
        return table

    def _newest_windows(self) -> Sequence[sa.Row[tuple[object, ...]]]:
        since = sa.func.to_timestamp(self._started_s - 60)
        with self._engine.connect() as connection:
            bound = CLASS_INDEX.bindparams(since=connection.execute(sa.select(since)).scalar_one())
            return connection.execute(bound).all()
