"""Which coded pictures are left out: never one that a sampled picture needs."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.stream.coded_picture import is_clean_start, is_disposable
from ingest.stream.sampler import Sampler
from ingest.stream.skipping import ALL, Skipper
from ingest.stream.timestamps import NS

FPS = 25


@dataclass(frozen=True)
class Coded:
    """A packet's data apart from its container, so that it can be cached."""

    data: bytes
    pts: int
    is_key: bool

    def packet(self) -> av.Packet:
        packet = av.Packet(self.data)
        packet.is_keyframe = self.is_key
        packet.pts = packet.dts = self.pts
        packet.time_base = Fraction(1, FPS)
        return packet


@cache
def coded(codec: str, gop: int, bframes: int, seconds: int = 8) -> tuple[Coded, ...]:
    """A film's pictures in the order of sending, with start codes."""
    sink = io.BytesIO()
    form = {"libx264": "h264", "libx265": "hevc", "mjpeg": "mjpeg"}[codec]
    units = []
    with av.open(sink, "w", format=form) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height = 96, 64
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        params = f"bframes={bframes}:keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0"
        if codec == "libx264":
            stream.options = {"x264-params": f"{params}:b-pyramid=none"}
        elif codec == "libx265":
            stream.options = {"x265-params": f"{params}:b-pyramid=0:b-adapt=0:log-level=none"}
        rng = np.random.default_rng(1)
        packets = []
        for index in range(seconds * FPS):
            rgb = rng.integers(0, 255, (64, 96, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        units = [Coded(bytes(p), int(p.pts), p.is_keyframe) for p in packets]
    return tuple(units)


@cache
def gradually_refreshed() -> tuple[Coded, ...]:
    """H.264 with intra refresh: a column of each picture is coded anew, no picture stands alone."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 96, 64, "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.options = {"x264-params": "intra-refresh=1:keyint=25:bframes=0:scenecut=0"}
    picture = np.random.default_rng(1).integers(0, 255, (64, 96, 3), np.uint8)
    packets = []
    for index in range(6 * FPS):
        moved = np.roll(picture, index, 1)
        frame = av.VideoFrame.from_ndarray(moved, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return tuple(Coded(bytes(p), int(p.pts), p.is_keyframe) for p in packets)


def decoder(codec: str) -> av.CodecContext:
    name = {"libx264": "h264", "libx265": "hevc", "mjpeg": "mjpeg"}[codec]
    return av.CodecContext.create(name, "r")


def run(
    units: tuple[Coded, ...], codec: str, analysis_fps: float
) -> tuple[list[int], int, str, list[bytes]]:
    """Sampled pts, how many pictures were decoded, what is said of it, the sampled pictures."""
    sampler = Sampler(analysis_fps)
    context = decoder(codec)
    skipper = Skipper(sampler, context.name)
    sampled, pictures, decoded = [], [], 0
    packets = [unit.packet() for unit in units]
    for packet in [*packets, None]:
        if packet is not None and not skipper.needs(packet, packet.pts * NS // FPS):
            continue
        decoded += packet is not None
        for image in context.decode(packet):
            assert not image.is_corrupt
            if sampler.wants(image.pts * NS // FPS):
                sampled.append(image.pts)
                pictures.append(image.to_ndarray(format="gray").tobytes())
    return sampled, decoded, skipper.decoding, pictures


def decode_all(units: tuple[Coded, ...], codec: str) -> dict[int, bytes]:
    context = decoder(codec)
    images = [i for p in [*(u.packet() for u in units), None] for i in context.decode(p)]
    return {image.pts: image.to_ndarray(format="gray").tobytes() for image in images}


@pytest.mark.parametrize(
    ("codec", "gop", "bframes", "analysis_fps", "words", "most_decoded"),
    [
        ("libx264", 25, 0, 5, "up to the last sampled one of each group", 0.90),
        ("libx264", 25, 0, 1, "key frames", 0.45),
        ("libx264", 12, 0, 1, "key frames", 0.40),
        ("libx264", 50, 2, 5, "without pictures that no other needs", 0.55),
        ("libx265", 25, 0, 1, "key frames", 0.45),
        ("libx265", 50, 2, 5, "without pictures that no other needs", 0.75),
        ("mjpeg", 1, 0, 5, "key frames", 0.25),
        ("libx264", 50, 0, 25, ALL, 1.0),
    ],
)
def test_only_what_the_sampled_pictures_need_is_decoded(
    codec: str, gop: int, bframes: int, analysis_fps: float, words: str, most_decoded: float
) -> None:
    units = coded(codec, gop, bframes)

    sampled, decoded, decoding, pictures = run(units, codec, analysis_fps)

    assert decoding == words
    assert decoded <= most_decoded * len(units)
    # Uniform: never further from the grid than half a picture's distance.
    step = FPS / analysis_fps
    assert all(abs(pts - sampled[0] - k * step) <= 0.5 for k, pts in enumerate(sampled))
    assert len(sampled) >= 8 * analysis_fps - 1
    # What was left out harmed no other picture.
    everything = decode_all(units, codec)
    assert [everything[pts] for pts in sampled] == pictures


@settings(max_examples=15, deadline=None)
@given(
    gop=st.sampled_from([12, 25, 50]),
    bframes=st.sampled_from([0, 2]),
    analysis_fps=st.floats(0.3, 25),
    start=st.integers(0, 60),
)
def test_whatever_the_structure_each_sampled_picture_is_whole(
    gop: int, bframes: int, analysis_fps: float, start: int
) -> None:
    units = coded("libx264", gop, bframes)
    begin = next(i for i, unit in enumerate(units) if unit.is_key and i >= start)

    sampled, _decoded, _words, pictures = run(units[begin:], "libx264", analysis_fps)

    everything = decode_all(units[begin:], "libx264")
    assert [everything[pts] for pts in sampled] == pictures
    gaps = np.diff(sampled)
    assert gaps.size == 0 or gaps.max() <= FPS / analysis_fps + 1


def test_the_grid_meets_the_key_frames_though_the_first_one_has_no_time() -> None:
    """As over RTSP, where the first packet of a connection carries none."""
    units = coded("libx264", 25, 0)
    sampler = Sampler(5)
    skipper = Skipper(sampler, "h264")
    skipper.pass_undated(units[0].packet())
    sampled = []
    for unit in units[1:]:
        pts_ns = unit.pts * NS // FPS
        if skipper.needs(unit.packet(), pts_ns) and unit.pts > 3 and sampler.wants(pts_ns):
            sampled.append(unit.pts)

    assert sampled[:4] == [5, 10, 15, 20]


@given(steps_ms=st.lists(st.integers(1, 200), min_size=30, max_size=200))
def test_pictures_that_come_unevenly_are_sampled_all_the_same(steps_ms: list[int]) -> None:
    """As MJPEG that is dated by arrival: each stands alone, and bursts come between pauses."""
    sampler = Sampler(5)
    skipper = Skipper(sampler, "mjpeg")
    packet = coded("mjpeg", 1, 0)[0].packet()
    pts_ns, sampled, decoded = 0, [], 0
    for step_ms in steps_ms:
        pts_ns += step_ms * 1_000_000
        if skipper.needs(packet, pts_ns):
            decoded += 1
            if sampler.wants(pts_ns):
                sampled.append(pts_ns / 1e6)

    assert np.diff(sampled, append=pts_ns / 1e6).max() <= 200 + 2 * 200
    assert len(sampled) >= sum(steps_ms) / 1000 * 5 / 2 - 2


def test_a_key_frame_that_does_not_come_costs_one_group_and_is_not_trusted_again() -> None:
    units = list(coded("libx264", 25, 0))
    longer = coded("libx264", 50, 0)  # from here on the groups are twice as long
    moved = [Coded(u.data, u.pts + 8 * FPS, u.is_key) for u in longer]

    sampled, _decoded, _words, _pictures = run((*units, *moved), "libx264", 5)

    gaps = np.diff(sampled)
    assert (gaps > 5).sum() <= 1
    assert gaps.max() <= 26 + 5  # at most to the next key frame


def test_a_stream_with_gradual_refresh_is_decoded_whole() -> None:
    """Its "key frames" are whole only a group later: nothing before them may be left out."""
    refreshed = gradually_refreshed()
    assert sum(unit.is_key for unit in refreshed) > 4

    sampled, decoded, decoding, pictures = run(refreshed, "libx264", 1)

    assert (decoded, decoding) == (len(refreshed), ALL)
    everything = decode_all(refreshed, "libx264")
    assert [everything[pts] for pts in sampled] == pictures
    assert not any(is_clean_start(unit.packet(), "h264") for unit in refreshed[1:])


@pytest.mark.parametrize(("codec", "name"), [("libx264", "h264"), ("libx265", "hevc")])
def test_key_frames_are_clean_starts_and_others_are_not(codec: str, name: str) -> None:
    for unit in coded(codec, 25, 0):
        assert is_clean_start(unit.packet(), name) == unit.is_key


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_stream_without_disposable_pictures_has_none(codec: str) -> None:
    name = decoder(codec).name
    assert not any(is_disposable(unit.packet(), name) for unit in coded(codec, 25, 0))


def test_two_of_three_pictures_between_references_are_disposable() -> None:
    flags = [is_disposable(unit.packet(), "h264") for unit in coded("libx264", 50, 2)]
    assert 0.6 <= sum(flags) / len(flags) <= 0.7


def test_rubbish_is_not_disposable() -> None:
    rng = np.random.default_rng(2)
    for size in (1, 3, 4, 5, 600):
        packet = av.Packet(rng.integers(1, 255, size, np.uint8).tobytes())
        assert not is_disposable(packet, "h264")
        assert not is_disposable(packet, "hevc")
