"""The streams of one run: emptied before it is sent, removed when it is over."""

from __future__ import annotations

from typing import cast

from aggregator.sealing import seal_name
from deploy.replay.request import ReplayRequest
from schemas.streams import dead_stream, faces_stream, frames_stream
from schemas.transport import Client
from schemas.transport.failures import translated


def empty(request: ReplayRequest, frames: Client, faces: Client) -> None:
    """Drop what an interrupted attempt left on the way: the database says where to go on.

    The key of a sealed state stays, since that state is read again.
    """
    with translated():
        frames.delete(*_frames_streams(request))
        faces.delete(faces_stream(request.room.id, request.run_id))


def remove(request: ReplayRequest, frames: Client, faces: Client) -> None:
    """Leave nothing of a run that is over."""
    empty(request, frames, faces)
    with translated():
        faces.delete(seal_name(request.room.id, request.run_id))


def count_dead(request: ReplayRequest, faces: Client) -> int:
    """Frames of the run that nobody could analyse."""
    mine = {stream.encode() for stream in _frames_streams(request)}
    with translated():
        letters = cast("list[tuple[bytes, dict[bytes, bytes]]]", faces.xrange(dead_stream()))
    return sum(fields.get(b"origin") in mine for _, fields in letters)


def _frames_streams(request: ReplayRequest) -> list[str]:
    return [frames_stream(camera.camera_id, request.run_id) for camera in request.cameras]
