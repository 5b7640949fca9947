"""Each camera's accounts after the lesson: published = analysed + expired + dead + lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import redis
import sqlalchemy as sa

from deploy.chaos.recorder import Entries
from schemas.messages import CameraStatus, EndOfStream, FrameFaces, RoomMessage
from schemas.streams import GROUP_WORKERS, frames_stream

_SUMS: Final = sa.text(
    """
    SELECT k.slug AS camera, sum(frames_published) AS published, sum(frames_analysed) AS analysed,
           sum(frames_expired) AS expired, sum(frames_dead) AS dead, sum(frames_lost) AS lost,
           sum(frames_refused) AS refused
    FROM camera_minutes JOIN cameras k USING (camera_id) GROUP BY k.slug ORDER BY k.slug
    """
)


@dataclass(frozen=True, slots=True)
class CameraBook:
    """The frames of one camera during the lesson.

    Attributes:
        camera: slug.
        sampled: by the log: the newest number that anybody told of each connection.
        published: by the rows, as are the following.
        analysed, expired, dead, lost: what became of them.
        refused: the frames server would not take them.
        in_flight: taken or waiting at the end.
    """

    camera: str
    sampled: int
    published: int
    analysed: int
    expired: int
    dead: int
    lost: int
    refused: int
    in_flight: int

    @property
    def closes(self) -> bool:
        """Whether every sampled frame stands in exactly one column."""
        known = self.analysed + self.expired + self.dead + self.lost
        all_told = self.published + self.refused == self.sampled
        return self.published == known and all_told and self.in_flight == 0


def read_books(
    engine: sa.Engine, logs: Mapping[str, Entries], in_flight: Mapping[str, int]
) -> list[CameraBook]:
    """The books of all cameras.

    Args:
        engine: of the disturbed database.
        logs: what was recorded, by room.
        in_flight: frames that no worker has settled, by camera.
    """
    sampled = _sampled_frames(message for log in logs.values() for _, message in log)
    with engine.connect() as connection:
        rows = {row.camera: row for row in connection.execute(_SUMS)}
    return [
        CameraBook(
            camera=camera,
            sampled=sampled.get(camera, 0),
            in_flight=in_flight.get(camera, 0),
            **{
                name: int(getattr(rows.get(camera), name, 0))
                for name in ("published", "analysed", "expired", "dead", "lost", "refused")
            },
        )
        for camera in sorted(sampled.keys() | rows.keys())
    ]


def frames_in_flight(client: redis.Redis, cameras: Iterable[str]) -> dict[str, int]:
    """Frames of each camera that were taken and not acknowledged, or not taken yet.

    Raises:
        redis.RedisError: the server is away.
    """
    return {camera: _in_flight(client, frames_stream(camera)) for camera in cameras}


def _in_flight(client: redis.Redis, stream: str) -> int:
    if not client.exists(stream):
        return 0
    for group in client.xinfo_groups(stream):
        if group["name"] == GROUP_WORKERS.encode():
            after = b"(" + group["last-delivered-id"]
            waiting = cast("list[object]", client.xrange(stream, min=after, max="+"))
            return int(group["pending"]) + len(waiting)
    return int(client.xlen(stream))


def _sampled_frames(messages: Iterable[RoomMessage]) -> dict[str, int]:
    newest: dict[tuple[str, str], int] = {}
    for message in messages:
        match message:
            case FrameFaces(camera_id=camera, epoch=epoch, seq=seq):
                pass
            case CameraStatus(camera_id=camera, epoch=epoch, last_seq=seq):
                pass
            case EndOfStream(camera_id=camera, epoch=epoch, last_seq=seq):
                pass
            case _:
                continue
        if epoch:
            newest[camera, epoch] = max(newest.get((camera, epoch), -1), seq)
    frames: dict[str, int] = {}
    for (camera, _epoch), last in newest.items():
        frames[camera] = frames.get(camera, 0) + last + 1
    return frames
