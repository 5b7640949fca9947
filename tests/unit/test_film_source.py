"""Films against a clock that only moves when somebody waits."""

from __future__ import annotations

from itertools import pairwise, takewhile
from pathlib import Path

import pytest

from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.errors import CameraError, FilmEndedError, TimeBreakError
from ingest.stream.film import FilmSource
from ingest.stream.source import HostClocks, TimedFrame, Wait
from tests.fixtures_films import write_film

NS = 1_000_000_000
START_NS = 1_790_000_000 * NS


class Host:
    """A machine whose time passes only in waits."""

    def __init__(self) -> None:
        self.passed_ns = 0
        self.utc_step_ns = 0
        self.clocks = HostClocks(
            lambda: 50 * NS + self.passed_ns,
            lambda: START_NS + self.passed_ns + self.utc_step_ns,
        )

    def wait(self, seconds: float) -> bool:
        self.passed_ns += round(seconds * NS)
        return False

    def source(self, path: Path, *, loop: bool = False) -> FilmSource:
        return film_source(path, self.clocks, self.wait, loop=loop)


def film_source(path: Path, clocks: HostClocks, wait: Wait, *, loop: bool) -> FilmSource:
    """Every frame is sampled."""
    spec = CameraSpec(
        room_id="r1", camera_id="c1", url=str(path), is_film=True, loop=loop, analysis_fps=1000
    )
    return FilmSource(spec, clocks, CameraState("r1", "c1", clocks.monotonic_ns), wait)


def first_seconds(source: FilmSource, seconds: float) -> list[TimedFrame]:
    end_ns = START_NS + seconds * NS
    return list(takewhile(lambda timed: timed.captured_at < end_ns, source.frames()))


@pytest.mark.parametrize("fps", [10, 25, 30])
def test_rounds_of_a_film_follow_each_other_without_a_seam(tmp_path: Path, fps: int) -> None:
    host = Host()
    film = write_film(tmp_path / "film.mp4", fps=fps, size=(64, 48))

    frames = first_seconds(host.source(film, loop=True), 9.99)  # a round may lose 1 ns by rounding

    assert len(frames) == 10 * fps
    assert frames[0].captured_at == START_NS
    for a, b in pairwise(frames):
        assert abs(b.captured_at - a.captured_at - NS / fps) < 2


def test_no_frame_comes_before_its_time(tmp_path: Path) -> None:
    host = Host()
    film = write_film(tmp_path / "film.mp4", size=(64, 48))

    for timed in host.source(film, loop=True).frames():
        assert host.clocks.utc_ns() >= timed.captured_at
        if timed.captured_at > START_NS + 3 * NS:
            break


def test_a_film_without_loop_ends_after_its_last_frame_was_shown(tmp_path: Path) -> None:
    host = Host()
    film = write_film(tmp_path / "film.mp4", seconds=2, size=(64, 48))

    with pytest.raises(FilmEndedError, match=r"film\.mp4 has ended"):
        list(host.source(film).frames())

    assert host.passed_ns == pytest.approx(2 * NS, abs=1000)


def test_a_gif_of_one_picture_is_repeated_at_a_bounded_rate(tmp_path: Path) -> None:
    host = Host()
    film = write_film(
        tmp_path / "one.gif", seconds=0.1, codec="gif", pixel_format="rgb8", size=(64, 48)
    )

    frames = first_seconds(host.source(film, loop=True), 5)

    assert 5 <= len(frames) <= 5 * 25


def test_a_film_that_is_too_slow_for_real_time_asks_for_a_new_epoch(tmp_path: Path) -> None:
    host = Host()
    film = write_film(tmp_path / "film.mp4", size=(64, 48))
    frames = host.source(film, loop=True).frames()
    next(frames)
    host.passed_ns += 4 * NS

    with pytest.raises(TimeBreakError, match="fell 4 s behind"):
        next(frames)


def test_a_step_of_the_clock_asks_for_a_new_epoch(tmp_path: Path) -> None:
    host = Host()
    film = write_film(tmp_path / "film.mp4", size=(64, 48))
    frames = host.source(film, loop=True).frames()
    next(frames)
    host.utc_step_ns = 5 * NS

    with pytest.raises(TimeBreakError, match=r"stepped by \+5\.0 s"):
        next(frames)


def test_what_is_no_film_is_tried_again_slowly(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film" * 1000)

    for path in (broken, tmp_path / "missing.mp4", tmp_path):
        with pytest.raises(CameraError, match=f"{path.name} cannot be played") as caught:
            list(Host().source(path).frames())
        assert caught.value.slowly


def test_a_film_is_sampled_evenly_over_its_rounds(tmp_path: Path) -> None:
    host = Host()
    film = write_film(tmp_path / "film.mp4", fps=25, size=(64, 48))
    spec = CameraSpec(
        room_id="r1", camera_id="c1", url=str(film), is_film=True, loop=True, analysis_fps=5
    )
    state = CameraState("r1", "c1", host.clocks.monotonic_ns)

    frames = first_seconds(FilmSource(spec, host.clocks, state, host.wait), 4.99)

    gaps_ms = [(b.captured_at - a.captured_at) / 1e6 for a, b in pairwise(frames)]
    assert gaps_ms == pytest.approx([200] * 24, abs=0.001)


def test_a_stopped_reader_gets_no_further_frame(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4", size=(64, 48))
    host = Host()
    source = film_source(film, host.clocks, lambda _s: True, loop=True)

    assert list(source.frames()) == []
