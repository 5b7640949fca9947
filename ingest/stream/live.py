"""A network camera: RTSP over TCP, UDP or TLS, or pictures over HTTP.

What PyAV does with hanging cameras was measured: with both time-outs set every silence ends in an
error, but closing a container from another thread crashes the process. So a container is opened,
read and closed by the one thread that iterates `frames`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

import av

from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.errors import CameraError
from ingest.stream.connection import SILENCE_S, Connection
from ingest.stream.dating import StandstillError
from ingest.stream.frozen import FrozenPicture
from ingest.stream.fuse import Fuse
from ingest.stream.opening import explain, open_stream
from ingest.stream.source import HostClocks, TimedFrame, Wait

# A name look-up has no time-out of ours: the resolver's own is 10 to 20 s.
OPEN_LIMIT_S: Final = 30.0


class LiveSource:
    """Frames of a network camera, in real time."""

    def __init__(
        self, spec: CameraSpec, clocks: HostClocks, state: CameraState, wait: Wait
    ) -> None:
        self._spec = spec
        self._clocks = clocks
        self._state = state
        self._wait = wait
        self._fuse = Fuse(clocks.monotonic_ns)
        self._frozen = FrozenPicture()
        self._by_arrival = False  # the next connection only

    def frames(self) -> Generator[TimedFrame, None, None]:
        """See `Source.frames`."""
        self._state.alive(OPEN_LIMIT_S)
        self._fuse.light(SILENCE_S)
        by_arrival, self._by_arrival = self._by_arrival, False
        try:
            with open_stream(self._spec, self._fuse) as container:
                connection = Connection(
                    container,
                    self._spec,
                    self._state,
                    fuse=self._fuse,
                    frozen=self._frozen,
                    clocks=self._clocks,
                    wait=self._wait,
                    by_arrival=by_arrival,
                )
                yield from connection.frames()
        except av.error.FFmpegError as exc:
            # `from None`: av's own text holds the url with its password
            raise explain(exc, self._spec, in_silence=self._fuse.is_burnt) from None
        except StandstillError:
            self._by_arrival = True
            raise
        if not self._wait(0):
            raise CameraError("the camera ended the stream", "dropped")
