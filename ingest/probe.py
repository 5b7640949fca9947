"""A look at one camera for a few seconds, with what ingest itself reads it with.

Nothing is sent anywhere: a few pictures are handed back, and forgotten with the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, cast

import av

from ingest.camera_report import CameraReport
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.encoder import Picture, encode_picture
from ingest.errors import CameraError, PictureError
from ingest.stream.connection import SILENCE_S, Connection
from ingest.stream.film import HLS_SILENCE_S, is_played
from ingest.stream.frozen import FrozenPicture
from ingest.stream.fuse import Fuse
from ingest.stream.opening import explain, open_stream
from ingest.stream.source import HostClocks, TimedFrame
from ingest.stream.stream_watch import StreamFacts, StreamWatch
from ingest.stream.timestamps import NS

if TYPE_CHECKING:
    from av.container import InputContainer

LEAST_S: Final = 3.0
LONGEST_S: Final = 12.5
# Then ingest has learnt at which distance they come, and which pictures it may leave out.
ENOUGH_KEYS: Final = 6
TOLD_S: Final = 1.1  # what is left out is told every second
PICTURES: Final = 3
PICTURE_EVERY_S: Final = 1.0


@dataclass(frozen=True)
class Probe:
    """What a camera gave.

    Attributes:
        stream: what it is made of.
        report: what ingest says of the connection: decoding, decoder, the camera's clock.
        first_picture_s: from the attempt to open it to the first picture that would be sent on;
            None for a film.
        camera_offset_s: the camera's own clock less ours, where it tells; pictures that we take
            late make it look behind, so this is the largest that was seen.
        pictures: a few JPEGs as workers would get them, a second or more apart.
        trouble: why the connection ended early, if it did.
    """

    stream: StreamFacts
    report: CameraReport
    first_picture_s: float | None
    camera_offset_s: float | None
    pictures: tuple[Picture, ...]
    trouble: CameraError | None = None


def probe_camera(spec: CameraSpec, clocks: HostClocks = HostClocks()) -> Probe:  # noqa: B008  frozen
    """Look at a camera; takes up to 17 seconds, or as long as the resolver of names does.

    Raises:
        CameraError: it gives no pictures, and why; without the url's secrets.
    """
    look = _Look(spec, clocks)
    try:
        return look.played() if is_played(spec) else look.live()
    except av.error.FFmpegError as exc:
        if spec.is_film:
            name = PurePath(spec.url).name
            reason = f"the film {name} cannot be played: {exc.strerror}"
            raise CameraError(reason, "unusable") from exc
        failure = look.explained(exc)
    raise failure from None  # av's own text holds the url with its password


class _Look:
    """One connection for a few seconds."""

    def __init__(self, spec: CameraSpec, clocks: HostClocks) -> None:
        self._spec = spec
        self._clocks = clocks
        self._state = CameraState(spec.room_id, spec.camera_id, clocks.monotonic_ns)
        self._fuse = Fuse(clocks.monotonic_ns)
        self._began_ns = clocks.monotonic_ns()
        self._first_picture_s: float | None = None
        self._offsets_s: list[float] = []
        self._pictures: list[Picture] = []
        self._trouble: CameraError | None = None

    def live(self) -> Probe:
        """A stream that sets its own pace."""
        self._fuse.light(SILENCE_S)
        with open_stream(self._spec, self._fuse) as container:
            watch = StreamWatch(container, self._clocks.monotonic_ns)
            connection = Connection(
                cast("InputContainer", watch),
                self._spec,
                self._state,
                fuse=self._fuse,
                frozen=FrozenPicture(),
                clocks=self._clocks,
                wait=lambda _seconds: self._has_enough(watch),
                by_arrival=False,
            )
            self._follow(connection, watch)
            return self._answer(watch)

    def played(self) -> Probe:
        """A film, or a stream in pieces: read as fast as it comes."""
        self._fuse.light(SILENCE_S if self._spec.is_film else HLS_SILENCE_S)
        with open_stream(self._spec, self._fuse) as container:
            if not container.streams.video:
                raise CameraError("there is no video in it", "unusable")
            watch = StreamWatch(container, self._clocks.monotonic_ns)
            self._fuse.light(HLS_SILENCE_S)
            self._state.tell_decoding("all", "software")
            for image in _images(watch):
                at_s = (image.time or 0.0) - (container.start_time or 0) / av.time_base
                self._keep(image, at_s)
                if at_s >= LONGEST_S or watch.watched_s >= LONGEST_S:
                    break
            return self._answer(watch)

    def _follow(self, connection: Connection, watch: StreamWatch) -> None:
        """Note what comes until it is enough; a stream that breaks off has told something, too."""
        try:
            for timed in connection.frames():
                self._note(timed, watch)
        except CameraError as exc:
            self._break_off(exc)
        except av.error.FFmpegError as exc:
            self._break_off(self.explained(exc))
        else:
            if not self._has_enough(watch):
                self._break_off(CameraError("the camera ended the stream", "dropped"))

    def _break_off(self, error: CameraError) -> None:
        if not self._pictures:
            raise error from None  # av's own text holds the url with its password
        self._trouble = error

    def explained(self, error: av.error.FFmpegError) -> CameraError:
        """The error for people."""
        return explain(error, self._spec, in_silence=self._fuse.is_burnt)

    def _has_enough(self, watch: StreamWatch) -> bool:
        settled = watch.keys >= ENOUGH_KEYS and watch.since_key_s(ENOUGH_KEYS) >= TOLD_S
        enough = settled and watch.watched_s >= LEAST_S and bool(self._pictures)
        return enough or watch.watched_s >= LONGEST_S

    def _note(self, timed: TimedFrame, watch: StreamWatch) -> None:
        if self._first_picture_s is None:
            self._first_picture_s = (self._clocks.monotonic_ns() - self._began_ns) / NS
        offset_s = self._state.report().camera_offset_s
        self._offsets_s += [] if offset_s is None else [offset_s]
        self._keep(timed.image, watch.watched_s)

    def _keep(self, image: av.VideoFrame, at_s: float) -> None:
        if len(self._pictures) < PICTURES and at_s >= len(self._pictures) * PICTURE_EVERY_S:
            try:
                self._pictures.append(encode_picture(image, region=self._spec.region))
            except PictureError as exc:
                raise CameraError(str(exc), "unusable") from exc

    def _answer(self, watch: StreamWatch) -> Probe:
        if not self._pictures:
            reason = "it sends data, but no picture that can be decoded"
            raise CameraError(reason, "no_picture")
        return Probe(
            stream=watch.facts(),
            report=self._state.report(),
            first_picture_s=self._first_picture_s,
            camera_offset_s=max(self._offsets_s, default=None),
            pictures=tuple(self._pictures),
            trouble=self._trouble,
        )


def _images(watch: StreamWatch) -> Iterator[av.VideoFrame]:
    """All pictures, in order; a broken packet gives none."""
    stream = watch.streams.video[0]
    stream.thread_type = "NONE"
    for packet in watch.demux(stream):
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue
