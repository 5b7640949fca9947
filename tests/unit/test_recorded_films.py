"""Films of a camera: every sampled frame, with the time in the film, whatever the film."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from ingest.errors import ReplayError
from ingest.recording.recorded_films import RecordedCamera, length_ns, recorded_frames
from tests.fixtures_films import frame_number, write_film
from tests.made_films import cut_off, make_film, spoil

NS = 1_000_000_000
START = 1_772_436_600 * NS


def frames_of(*films: Path, fps: float = 5.0):
    camera = RecordedCamera("r1", "c1", films, analysis_fps=fps)
    return list(recorded_frames(camera, 3, START))


def times_s(frames) -> list[float]:
    return [(frame.captured_at - START) / NS for frame in frames]


def test_frames_have_the_films_time_and_count_from_the_start(tmp_path):
    film = write_film(tmp_path / "film.mp4", seconds=2, fps=10)
    *frames, end = frames_of(film)
    assert times_s(frames) == pytest.approx([n / 5 for n in range(10)])
    numbers = [frame_number(f.image.to_ndarray(format="rgb24")) for f in frames]
    assert numbers == list(range(0, 20, 2))
    assert [f.seq for f in frames] == list(range(10))
    assert (end.image, times_s([end])) == (None, [pytest.approx(2.0)])
    assert {f.number for f in [*frames, end]} == {3}


def test_the_next_film_begins_where_the_last_one_ended(tmp_path):
    films = [write_film(tmp_path / f"{n}.mp4", seconds=1, fps=10) for n in range(3)]
    frames = frames_of(*films)
    assert times_s(frames) == pytest.approx([n / 5 for n in range(16)])


def test_films_that_do_not_begin_at_zero_and_have_holes_keep_their_spacing(tmp_path):
    film = make_film(tmp_path / "film.mkv", times=(100, 101, 102, 400, 401), codec="mpeg4")
    *frames, _ = frames_of(film, fps=10)
    assert times_s(frames) == pytest.approx([0, 0.1, 0.2, 30.0, 30.1], abs=0.002)


def test_a_hole_of_hours_is_told_with_its_place(tmp_path):
    film = make_film(tmp_path / "film.mkv", times=(0, 1, 400_000), codec="mpeg4")
    with pytest.raises(ReplayError, match=r"jump ahead by 11 h after 0 s"):
        frames_of(film)


def test_a_film_that_was_cut_off_gives_what_there_is(tmp_path):
    film = make_film(tmp_path / "film.mkv", times=range(100), codec="mpeg4")
    whole = len(frames_of(film, fps=10))
    assert 10 < len(frames_of(cut_off(film, 0.6), fps=10)) < whole


def test_broken_packets_cost_their_own_pictures_only(tmp_path):
    film = write_film(tmp_path / "film.mkv", seconds=10, fps=10)
    *frames, _ = frames_of(spoil(film, 0.45, 0.5), fps=10)
    assert 20 < len(frames) <= 100
    assert times_s(frames)[-1] > 9


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_the_length_is_the_films_own_word(tmp_path, codec):
    one = make_film(tmp_path / "one.mp4", codec=codec, time_base=Fraction(1, 10))
    assert length_ns([one, one]) == pytest.approx(2 * NS, rel=0.11)


def test_what_has_no_pictures_is_told(tmp_path):
    text = tmp_path / "letter.mp4"
    text.write_text("Dear parents")
    with pytest.raises(ReplayError, match=r"letter\.mp4 cannot be read as a film"):
        frames_of(text)
    with pytest.raises(ReplayError, match=r"nothing\.mp4 cannot be read as a film"):
        length_ns([tmp_path / "nothing.mp4"])
