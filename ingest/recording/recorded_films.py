"""Films of one camera, read as fast as they can be decoded, with the time in the film."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import av

from ingest.errors import ReplayError
from ingest.stream.sampler import Sampler
from ingest.stream.source import to_ns
from ingest.stream.timestamps import NS

FALLBACK_SHOWN_NS: Final = NS // 25  # when a film does not say how long its last frame shows
LONGEST_HOLE_NS: Final = 6 * 3600 * NS  # a camera that records movement only leaves hours out


@dataclass(frozen=True)
class RecordedCamera:
    """What one camera recorded.

    Attributes:
        films: they follow each other without a gap, as those of a camera that recorded in parts.
        region: left, top, right, bottom in fractions of the picture; None: all of it.
    """

    room_id: str
    camera_id: str
    films: tuple[Path, ...]
    analysis_fps: float = 5.0
    region: tuple[float, float, float, float] | None = None


class RecordedFrame(NamedTuple):
    """A sampled frame; without an image: the end of the camera's last film.

    Attributes:
        captured_at: Unix time, ns.
        number: of the camera in its run.
        seq: counts the camera's sampled frames.
    """

    captured_at: int
    number: int
    seq: int
    image: av.VideoFrame | None


def recorded_frames(
    camera: RecordedCamera, number: int, start_ns: int
) -> Generator[RecordedFrame, None, None]:
    """All sampled frames of a camera, and its end; the first frame was captured at `start_ns`.

    Raises:
        ReplayError: a film cannot be read.
    """
    sampler = Sampler(camera.analysis_fps)
    seq = 0
    begin_ns = 0
    for film in camera.films:
        end_ns = begin_ns
        for image, pts_ns, shown_ns in _pictures(film):
            at_ns = begin_ns + pts_ns
            end_ns = at_ns + shown_ns
            if sampler.wants(at_ns):
                yield RecordedFrame(start_ns + at_ns, number, seq, image)
                seq += 1
        if end_ns == begin_ns:
            raise ReplayError(f"{film}: no picture of this film can be decoded")
        begin_ns = end_ns
    yield RecordedFrame(start_ns + begin_ns, number, seq, None)


def length_ns(films: Sequence[Path]) -> int:
    """How long the films are by their own word; 0 for one that does not say.

    Raises:
        ReplayError: a film cannot be opened, or has no pictures.
    """
    return sum(_told_length_ns(film) for film in films)


def _told_length_ns(film: Path) -> int:
    with _opened(film) as container:
        stream = container.streams.video[0]
        if stream.duration is not None and stream.time_base is not None:
            return to_ns(stream.duration, stream.time_base)
        return (container.duration or 0) * (NS // av.time_base)


def _pictures(film: Path) -> Iterator[tuple[av.VideoFrame, int, int]]:
    """Each frame once, with its time since the film's first and how long it shows, in ns."""
    first_ns: int | None = None
    last_ns = -1
    for image in _decoded(film):
        if image.pts is None or image.time_base is None:
            continue
        at_ns = to_ns(image.pts, image.time_base)
        first_ns = at_ns if first_ns is None else first_ns
        pts_ns = at_ns - first_ns
        if pts_ns <= last_ns:
            continue
        if pts_ns - last_ns > LONGEST_HOLE_NS:
            raise ReplayError(
                f"{film}: its time stamps jump ahead by {(pts_ns - last_ns) / NS / 3600:.0f} h "
                f"after {max(last_ns, 0) / NS:.0f} s: cut the film there, and send the parts"
            )
        shown_ns = to_ns(image.duration or 0, image.time_base)
        shown_ns = shown_ns or (pts_ns - last_ns if last_ns >= 0 else FALLBACK_SHOWN_NS)
        last_ns = pts_ns
        yield image, pts_ns, shown_ns


def _decoded(film: Path) -> Iterator[av.VideoFrame]:
    """All that can be decoded: a broken packet costs its own pictures only."""
    with _opened(film) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"  # wall time counts here, not the CPU's
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                continue


@contextmanager
def _opened(film: Path) -> Iterator[av.container.InputContainer]:
    try:
        with av.open(str(film), mode="r") as container:
            if not container.streams.video:
                raise ReplayError(f"{film}: there is no video in this file")
            yield container
    except (av.error.FFmpegError, OSError) as exc:
        raise ReplayError(f"{film} cannot be read as a film: {exc.strerror}") from exc
