"""Names of every stream, group and key in Redis, in one place.

| name | what | server | bound |
|---|---|---|---|
| `frames:{p}:CAMERA` | frames of one camera, `Frame` + JPEG | frames | newest few seconds |
| `frames:{p}:RUN:CAMERA` | the same for a recording's run | frames | publisher waits |
| `faces:{p}:ROOM` | the room's log, every `RoomMessage` | faces | committed, at most 1 h |
| `faces:{p}:ROOM:RUN` | the same for a recording's run | faces | committed |
| `dead:{p}` | what could not be used: entry, error, origin, no picture | faces | newest 10,000 |
| `seal:{p}:ROOM` | key of a snapshot where policy locks rows | faces | dies with the meeting |

`{p}` is a Redis Cluster hash tag, so that one partition's streams live on one node.
"""

from __future__ import annotations

from typing import Final

GROUP_WORKERS: Final = "workers"
DEFAULT_PARTITION: Final = "0"

DEAD_MAXLEN: Final = 10_000
LOG_MAX_AGE_S: Final = 3600.0


def frames_stream(camera_id: str, run_id: str = "", partition: str = DEFAULT_PARTITION) -> str:
    """The stream that carries one camera's frames."""
    return f"frames:{{{partition}}}:{_join(run_id, camera_id)}"


def faces_stream(room_id: str, run_id: str = "", partition: str = DEFAULT_PARTITION) -> str:
    """The stream that is one room's log."""
    return f"faces:{{{partition}}}:{_join(room_id, run_id)}"


def dead_stream(partition: str = DEFAULT_PARTITION) -> str:
    """The stream of messages that nobody could use."""
    return f"dead:{{{partition}}}"


def _join(*parts: str) -> str:
    return ":".join(part for part in parts if part)
