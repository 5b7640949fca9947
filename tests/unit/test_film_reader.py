"""Reading films: formats, sizes, times, and what is told about broken ones."""

import gc
from fractions import Fraction

import av
import numpy as np
import pytest

from deploy.film.errors import FilmBrokenError, FilmUnreadableError
from deploy.film.film_reader import FilmFrame, FilmReader
from tests.made_films import corner_colours, cut_off, make_film, spoil

CORNERS = ["red", "green", "blue", "grey"]


def frames_of(path) -> list[FilmFrame]:
    with FilmReader(path) as reader:
        return [part for part in reader.parts() if isinstance(part, FilmFrame)]


def frames_before_the_break(path) -> tuple[list[FilmFrame], str]:
    frames = []
    with FilmReader(path) as reader, pytest.raises(FilmBrokenError) as broken:
        frames.extend(part for part in reader.parts() if isinstance(part, FilmFrame))
    return frames, str(broken.value)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("film.mp4", "libx264", "yuv420p"),
        ("film.mov", "libx264", "yuv422p"),
        ("film.mkv", "libx264", "yuv444p10le"),
        ("film.mkv", "ffv1", "yuv420p16le"),
        ("film.webm", "libvpx-vp9", "yuv420p"),
        ("film.avi", "mpeg4", "yuv420p"),
        ("film.avi", "mjpeg", "yuvj422p"),
        ("film.gif", "gif", "rgb8"),
        ("film.ts", "libx264", "yuv420p"),
        ("film.flv", "flv", "yuv420p"),
        ("film.h264", "libx264", "yuv420p"),
    ],
)
def test_films_of_many_formats_are_read_with_their_times_and_colours(
    tmp_path, name, codec, pixel_format
):
    path = make_film(tmp_path / name, codec=codec, pixel_format=pixel_format)
    frames = frames_of(path)
    assert [frame.index for frame in frames] == list(range(10))
    steps = np.diff([frame.at_s for frame in frames])
    assert steps == pytest.approx(0.1, abs=2e-3)
    assert frames[0].at_s < 0.15  # an AVI's first picture may come one step late
    assert all(frame.image.shape == (48, 64, 3) for frame in frames)
    assert corner_colours(frames[0].image) == CORNERS


def test_a_grey_film_gives_grey_pictures(tmp_path):
    path = make_film(tmp_path / "grey.mkv", codec="ffv1", pixel_format="gray", times=[0])
    (frame,) = frames_of(path)
    assert frame.image.shape == (48, 64, 3)
    assert (frame.image == frame.image[..., :1]).all()
    assert frame.image.std() > 10


def test_odd_sizes_are_kept(tmp_path):
    path = make_film(tmp_path / "odd.mkv", size=(65, 47), codec="ffv1", pixel_format="yuv444p")
    assert frames_of(path)[0].image.shape == (47, 65, 3)


@pytest.mark.parametrize(
    ("aspect", "shape"), [(Fraction(4, 3), (48, 85, 3)), (Fraction(1, 2), (96, 64, 3))]
)
def test_pixels_that_are_not_square_are_made_square_so_that_heads_keep_their_shape(
    tmp_path, aspect, shape
):
    path = make_film(tmp_path / "wide.mp4", aspect=aspect)
    assert frames_of(path)[0].image.shape == shape


def test_a_variable_frame_rate_is_kept_exactly(tmp_path):
    times = [0, 1001, 3003, 3004, 90_000]
    base = Fraction(1, 30_000)
    path = make_film(tmp_path / "phone.mp4", times=times, time_base=base)
    frames = frames_of(path)
    with FilmReader(path) as reader:
        seen = [frame.pts * reader.time_base for frame in frames]
    assert seen == [at * base for at in times]


def test_a_film_of_one_picture_is_a_film(tmp_path):
    assert len(frames_of(make_film(tmp_path / "still.mp4", times=[0]))) == 1


def test_a_transport_stream_begins_at_zero_though_its_stamps_do_not(tmp_path):
    path = make_film(tmp_path / "tv.ts", times=range(36_000, 36_010))
    with av.open(str(path)) as container:
        assert container.start_time == 3600 * av.time_base
    assert [frame.at_s for frame in frames_of(path)] == pytest.approx(np.arange(10) / 10)


def test_the_packets_of_sound_come_between_the_pictures(tmp_path):
    path = make_film(tmp_path / "loud.mp4", sound="aac")
    with FilmReader(path) as reader:
        assert [stream.codec_context.name for stream in reader.audio_streams] == ["aac"]
        kinds = [isinstance(part, FilmFrame) for part in reader.parts()]
    assert kinds.count(True) == 10
    assert kinds.count(False) > 40


def test_a_missing_path_a_folder_an_empty_file_and_a_text_are_told_apart(tmp_path):
    empty, text, note = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "note.txt"
    empty.touch()
    text.write_text("no film\n" * 200)
    note.write_text("no film\n" * 200)
    for path, words in [
        (tmp_path / "absent.mp4", "absent.mp4: no such file"),
        (tmp_path, "not a file"),
        (empty, "the file is empty"),
        (text, "cannot be opened as a film: not a film"),
        (note, "not a film"),
    ]:
        with pytest.raises(FilmUnreadableError, match=words) as raised:
            FilmReader(path)
        assert "\n" not in str(raised.value)


def test_a_list_of_other_files_is_not_opened(tmp_path):
    make_film(tmp_path / "secret.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile 'secret.mp4'\n")
    with pytest.raises(FilmUnreadableError, match="not a film"):
        FilmReader(tmp_path / "list.mp4")


def test_sound_alone_is_no_film(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(FilmUnreadableError, match="holds no video"):
        FilmReader(path)


def test_a_recording_whose_index_was_never_written_says_so(tmp_path):
    path = cut_off(make_film(tmp_path / "battery.mp4"), 0.3)
    with pytest.raises(FilmUnreadableError, match="index at the end is missing"):
        FilmReader(path)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("cut.mp4", "libx264", {"movflags": "faststart"}),
        ("cut.mkv", "libx264", {}),
        ("cut.webm", "libvpx-vp9", {}),
        ("cut.avi", "mpeg4", {}),
        ("cut.gif", "gif", {}),
    ],
)
def test_a_film_that_was_cut_off_gives_what_is_there_and_names_the_place(
    tmp_path, name, codec, options
):
    pixel_format = "rgb8" if codec == "gif" else "yuv420p"
    path = make_film(
        tmp_path / name, codec=codec, options=options, pixel_format=pixel_format, times=range(60)
    )
    frames, error = frames_before_the_break(cut_off(path, 0.6))
    assert 1 < len(frames) < 60
    last = frames[-1]
    assert f"breaks off at {last.at_s:.2f} s, after frame {last.index}: " in error
    assert "cut off" in error


def test_a_film_whose_second_half_is_noise_breaks_off_where_the_noise_begins(tmp_path):
    path = make_film(tmp_path / "noise.mp4", times=range(60), options={"movflags": "faststart"})
    frames, error = frames_before_the_break(spoil(path, 0.6, 1.0))
    assert 5 < len(frames) < 50
    assert f"breaks off at {frames[-1].at_s:.2f} s" in error
    assert "nothing after it can be decoded, up to the end at 5.90 s" in error


def test_broken_packets_in_the_middle_are_counted_and_reading_goes_on(tmp_path):
    path = make_film(
        tmp_path / "scratch.avi", codec="mjpeg", pixel_format="yuvj420p", times=range(60)
    )
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        places = [(packet.pos, packet.size) for packet in packets[20:23]]
    data = bytearray(path.read_bytes())
    for start, size in places:
        data[start + 8 : start + size] = bytes(size - 8)
    path.write_bytes(data)
    with FilmReader(path) as reader:
        frames = [part for part in reader.parts() if isinstance(part, FilmFrame)]
        assert reader.damage.packets == 3
        assert reader.damage.first_at_s == pytest.approx(2.0)
    assert len(frames) == 57
    assert frames[-1].at_s == pytest.approx(5.9)


def test_decoded_frames_do_not_pile_up_until_the_garbage_collector_comes(tmp_path):
    path = make_film(tmp_path / "long.mp4", times=range(60), turn=(90, False, False))
    gc.collect()
    gc.disable()
    try:
        with FilmReader(path) as reader:
            for _ in reader.parts():
                pass
            alive = sum(issubclass(type(thing), av.VideoFrame) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert alive <= 3


def test_a_huge_film_is_refused_before_it_is_decoded(tmp_path):
    path = make_film(tmp_path / "huge.mkv", size=(8194, 16), codec="ffv1", times=[0])
    with pytest.raises(FilmUnreadableError, match="8194 x 16 px; the limit is 8192"):
        FilmReader(path)
