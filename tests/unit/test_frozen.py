"""A picture that stands still is not a live one."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from ingest.stream.frozen import FrozenPicture
from ingest.stream.timestamps import NS

STEP_NS = NS // 5


def picture(seed: int, *, is_key: bool = False) -> av.VideoFrame:
    """Noise, as a sensor has it; coded alone where it is to be a key frame."""
    noise = np.random.default_rng(seed).integers(16, 235, (48, 64, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(noise, format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    if not is_key:
        return frame
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    return next(f for p in [*packets, None] for f in decoder.decode(p))


def seconds_until_frozen(watch: FrozenPicture, still: av.VideoFrame, start_ns: int = 0) -> float:
    for i in range(1000):
        if watch.look(still, start_ns + i * STEP_NS):
            return i * STEP_NS / NS
    raise AssertionError("never told as frozen")


def test_four_seconds_of_the_same_key_picture_are_frozen() -> None:
    still = picture(1, is_key=True)
    assert still.key_frame
    assert seconds_until_frozen(FrozenPicture(), still) == 4.0


def test_without_a_key_frame_a_still_scene_gets_half_a_minute() -> None:
    assert seconds_until_frozen(FrozenPicture(), picture(1)) == 30.0


def test_noise_alone_is_alive() -> None:
    watch = FrozenPicture()
    assert not any(watch.look(picture(i), i * STEP_NS) for i in range(60))


def test_one_changed_row_in_eight_is_alive() -> None:
    watch = FrozenPicture()
    other = picture(1, is_key=True).to_ndarray(format="yuv420p")
    for i in range(60):
        other[8] = i
        frame = av.VideoFrame.from_ndarray(other, format="yuv420p")
        assert not watch.look(frame, i * STEP_NS)


def test_it_thaws_with_the_first_other_picture() -> None:
    watch = FrozenPicture()
    seconds_until_frozen(watch, picture(1, is_key=True))

    assert not watch.look(picture(2, is_key=True), 10 * NS)
    assert not watch.is_frozen


def test_a_new_connection_that_shows_the_old_picture_is_still_frozen() -> None:
    watch = FrozenPicture()
    still = picture(1, is_key=True)
    seconds_until_frozen(watch, still)
    watch.begin_connection()

    assert watch.look(still, 0)
    assert not watch.look(picture(2), STEP_NS)


def test_a_new_connection_begins_a_new_count() -> None:
    watch = FrozenPicture()
    still = picture(1, is_key=True)
    for i in range(19):
        watch.look(still, i * STEP_NS)
    watch.begin_connection()

    assert seconds_until_frozen(watch, still) == 4.0
