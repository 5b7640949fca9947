"""Writing labelled films: format, times, sound, and what is left behind."""

from fractions import Fraction

import av
import numpy as np
import pytest

from deploy.film.errors import FilmNotWrittenError
from deploy.film.film_reader import FilmFrame, FilmReader
from deploy.film.film_writer import FilmWriter
from tests.made_films import corner_colours, four_corners, make_film, pictures, stamps

PHONE_TIMES = [0, 1001, 3003, 3010, 9009, 30_030]
PHONE_BASE = Fraction(1, 30_000)


def copy(source, target, warn=len) -> FilmWriter:
    """Read a film and write it again, without labels."""
    with FilmReader(source) as reader:
        parts = list(reader.parts())
        height, width = next(p for p in parts if isinstance(p, FilmFrame)).image.shape[:2]
        with FilmWriter(
            target,
            (width, height),
            reader.time_base,
            reader.rate,
            sound=reader.audio_streams,
            start_s=reader.start_s,
            warn=warn,
        ) as writer:
            for part in parts:
                if isinstance(part, FilmFrame):
                    writer.write(part.image, part.pts, part.duration)
                else:
                    writer.write_sound(part)
    return writer


def sound_packets(path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("name", ["out.mp4", "out.m4v", "out.mov", "out.mkv"])
def test_the_film_is_h264_in_yuv420p_with_even_sides_and_the_right_colours(tmp_path, name):
    source = make_film(
        tmp_path / "odd.mkv", size=(65, 47), codec="ffv1", pixel_format="yuv444p", times=[0, 1]
    )
    copy(source, tmp_path / name)
    with av.open(str(tmp_path / name)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.width, context.height) == (66, 48)
    assert corner_colours(pictures(tmp_path / name)[0]) == ["red", "green", "blue", "grey"]


@pytest.mark.parametrize("name", ["out.mp4", "out.mov"])
def test_original_time_stamps_are_kept_exactly(tmp_path, name):
    source = make_film(tmp_path / "phone.mp4", times=PHONE_TIMES, time_base=PHONE_BASE)
    copy(source, tmp_path / name)
    assert stamps(tmp_path / name) == [at * PHONE_BASE for at in PHONE_TIMES]


def test_matroska_keeps_time_stamps_to_its_millisecond(tmp_path):
    source = make_film(tmp_path / "phone.mp4", times=PHONE_TIMES, time_base=PHONE_BASE)
    copy(source, tmp_path / "out.mkv")
    kept = [float(at) for at in stamps(tmp_path / "out.mkv")]
    assert kept == pytest.approx([float(at * PHONE_BASE) for at in PHONE_TIMES], abs=5.1e-4)


def test_the_last_picture_is_shown_as_long_as_before(tmp_path):
    source = make_film(tmp_path / "long.gif", codec="gif", pixel_format="rgb8", times=[0, 1, 2])
    copy(source, tmp_path / "out.mp4")
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        assert after.duration == before.duration


@pytest.mark.parametrize(
    ("name", "codec", "sound", "target"),
    [
        ("film.mp4", "libx264", "aac", "out.mp4"),
        ("film.mp4", "libx264", "aac", "out.mov"),
        ("film.webm", "libvpx-vp9", "libopus", "out.mp4"),
        ("film.avi", "mpeg4", "libmp3lame", "out.mkv"),
        ("film.mov", "libx264", "pcm_s16le", "out.mkv"),
    ],
)
def test_sound_is_taken_over_as_it_is_where_the_format_can_hold_it(
    tmp_path, name, codec, sound, target
):
    source = make_film(tmp_path / name, codec=codec, sound=sound)
    writer = copy(source, tmp_path / target)
    assert writer.sound == ["copied"]
    assert sound_packets(tmp_path / target) == sound_packets(source)


@pytest.mark.parametrize(
    ("name", "codec", "sound", "target"),
    [
        ("film.avi", "mpeg4", "pcm_s16le", "out.mp4"),
        ("film.webm", "libvpx-vp9", "libopus", "out.mov"),
        ("film.ts", "libx264", "mp2", "out.mp4"),
    ],
)
def test_sound_that_the_format_cannot_hold_becomes_aac_of_the_same_length_and_loudness(
    tmp_path, name, codec, sound, target
):
    source = make_film(tmp_path / name, codec=codec, sound=sound)
    assert copy(source, tmp_path / target).sound == ["re-encoded"]
    with av.open(str(tmp_path / target)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        tone = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert len(tone) / 48_000 == pytest.approx(1.0, abs=0.05)
    assert np.sqrt((tone[4800:-4800] ** 2).mean()) == pytest.approx(0.3 / 2**0.5, rel=0.05)


def test_transport_stream_sound_stays_in_step_with_pictures(tmp_path):
    source = make_film(tmp_path / "tv.ts", times=range(36_000, 36_010))
    copy(source, tmp_path / "out.mp4")
    assert [float(at) for at in stamps(tmp_path / "out.mp4")] == pytest.approx(np.arange(10) / 10)


def test_an_existing_film_is_replaced_only_when_the_new_one_is_finished(tmp_path):
    target = tmp_path / "out.mp4"
    target.write_text("older")
    with FilmWriter(target, (64, 48), Fraction(1, 10), Fraction(10)) as writer:
        writer.write(four_corners(64, 48), 0)
        assert target.read_text() == "older"
        assert len(list(tmp_path.iterdir())) == 2
    assert len(pictures(target)) == 1
    assert list(tmp_path.iterdir()) == [target]


def test_whatever_ends_the_work_leaves_a_film_that_plays(tmp_path):
    target = tmp_path / "out.mp4"

    def work() -> None:
        with FilmWriter(target, (64, 48), Fraction(1, 10), Fraction(10)) as writer:
            for index in range(7):
                writer.write(four_corners(64, 48), index)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(pictures(target)) == 7


def test_a_film_without_a_picture_leaves_nothing(tmp_path):
    with FilmWriter(tmp_path / "out.mp4", (64, 48), Fraction(1, 10), Fraction(10)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_names_that_no_format_goes_with_are_refused(tmp_path):
    with pytest.raises(FilmNotWrittenError, match=r"H.264 goes into .mp4, .m4v, .mov, .mkv"):
        FilmWriter(tmp_path / "out.webm", (64, 48), Fraction(1, 10), Fraction(10))


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FilmNotWrittenError, match=r"out\.mp4: cannot be written: "):
        FilmWriter(tmp_path / "file" / "out.mp4", (64, 48), Fraction(1, 10), Fraction(10))
