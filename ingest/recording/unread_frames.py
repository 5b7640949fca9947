"""A run's frames from their publishing to a worker's acknowledgement: bounded, none lost.

Frames servers keep nothing: after a restart what was not acknowledged is published again, so it is
kept here until then. A live stream drops its oldest frame when workers are slow; a recording waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from schemas.messages import Fields, Frame, encode
from schemas.streams import GROUP_WORKERS
from schemas.transport import Client, ensure_group, id_order, length, publish, trim_below
from schemas.transport.progress import done_before

MAX_FRAMES: Final = 64
# The live cameras' frames share the server: a run must not fill it. One frame always passes.
MAX_BYTES: Final = 16 << 20

_log = structlog.get_logger(__name__)


@dataclass
class _Unread:
    captured_at: int
    fields: Fields
    size: int
    entry_id: str | None  # None: to be published again

    def is_before(self, order: tuple[int, int]) -> bool:
        return self.entry_id is not None and id_order(self.entry_id) < order


class UnreadFrames:
    """The frames of one run that are on their way.

    Args:
        client: of the frames server.
        streams: of the run's cameras, by their number.
    """

    def __init__(self, client: Client, streams: Sequence[str]) -> None:
        self._client = client
        self._streams = list(streams)
        self._unread: list[deque[_Unread]] = [deque() for _ in streams]

    def __len__(self) -> int:
        return sum(len(frames) for frames in self._unread)

    @property
    def is_full(self) -> bool:
        """Whether the next frame has to wait."""
        size = sum(frame.size for frames in self._unread for frame in frames)
        return len(self) >= MAX_FRAMES or size >= MAX_BYTES

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest of them was captured; None: all are done with."""
        return min((frames[0].captured_at for frames in self._unread if frames), default=None)

    def join(self) -> None:
        """Make the group before the first frame."""
        for stream in self._streams:
            ensure_group(self._client, stream, GROUP_WORKERS)

    def send(self, number: int, frame: Frame, jpeg: bytes) -> None:
        """Publish a frame of camera `number`.

        Raises:
            StreamFullError, TransportDownError: it is not on the server; call again.
        """
        fields = encode(frame, jpeg)
        entry_id = publish(self._client, self._streams[number], fields)
        self._unread[number].append(_Unread(frame.captured_at, fields, len(jpeg), entry_id))

    def settle(self) -> None:
        """Forget what workers have acknowledged, here and on the server.

        Raises:
            StreamFullError, TransportDownError: call again.
        """
        for stream, frames in zip(self._streams, self._unread, strict=True):
            if frames:
                self._settle(stream, frames)

    def _settle(self, stream: str, frames: deque[_Unread]) -> None:
        self._send_again(stream, frames)
        # Only what is acknowledged is ever trimmed, and here alone: fewer are there after a loss.
        held = length(self._client, stream)
        done = done_before(self._client, stream, GROUP_WORKERS)
        if done is None or held < len(frames):
            _log.warning(
                "The frames server lost a run's frames; they are sent again",
                action="run_frames_lost",
                stream=stream,
                frames=len(frames),
            )
            for frame in frames:
                frame.entry_id = None
            self._send_again(stream, frames)
            return
        count = len(frames)
        while frames and frames[0].is_before(done):
            frames.popleft()
        if len(frames) < count:
            trim_below(self._client, stream, f"{done[0]}-{done[1]}", exact=True)

    def _send_again(self, stream: str, frames: deque[_Unread]) -> None:
        """Publish those that the server does not have."""
        for frame in frames:
            if frame.entry_id is None:
                ensure_group(self._client, stream, GROUP_WORKERS)
                frame.entry_id = publish(self._client, stream, frame.fields)
