from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from ingest.encoder import CHROMA, LUMA, Stretch, encode_picture, stretched
from ingest.errors import PictureError

RGB = NDArray[np.uint8]
# R', G', B' weights of luma: ITU-R BT.601 and BT.709.
WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
FFMPEG_SPACE = {"bt601": "ITU601", "bt709": "ITU709"}


def classroom_like_picture(height: int = 180, width: int = 320) -> RGB:
    """Smooth areas of skin, cloth and board colours; JPEG's own loss stays small on it."""
    rng = np.random.default_rng(7)
    small = rng.integers(20, 235, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(large)


def as_frame(rgb: RGB, pixel_format: str, matrix: str, full_range: bool) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    return frame.reformat(
        format=pixel_format,
        dst_colorspace=FFMPEG_SPACE[matrix],
        dst_color_range="JPEG" if full_range else "MPEG",
    )


def to_rgb(jpeg: bytes, matrix: str) -> NDArray[np.float64]:
    """What a reader of the header gets: a JPEG decoder's RGB, its BT.601 undone where wrong."""
    rgb = simplejpeg.decode_jpeg(jpeg, colorspace="RGB").astype(np.float64)
    if matrix == "bt601":
        return rgb
    k_red, k_blue = WEIGHTS["bt601"]
    luma = rgb @ [k_red, 1 - k_red - k_blue, k_blue]
    red = (rgb[..., 0] - luma) / (2 * (1 - k_red))
    blue = (rgb[..., 2] - luma) / (2 * (1 - k_blue))
    k_red, k_blue = WEIGHTS[matrix]
    r = luma + 2 * (1 - k_red) * red
    b = luma + 2 * (1 - k_blue) * blue
    g = (luma - k_red * r - k_blue * b) / (1 - k_red - k_blue)
    return np.clip(np.stack([r, g, b], axis=-1), 0, 255)


def mean_error(rgb: RGB, decoded: NDArray[np.float64]) -> float:
    return float(np.abs(rgb.astype(np.float64) - decoded).mean())


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p"])
def test_colours_survive_the_way_through_the_planes(
    matrix: str, full_range: bool, pixel_format: str
) -> None:
    rgb = classroom_like_picture()

    picture = encode_picture(as_frame(rgb, pixel_format, matrix, full_range))

    assert picture.matrix == matrix
    assert mean_error(rgb, to_rgb(picture.jpeg, picture.matrix)) < 2.5


def test_a_plain_jpeg_decoder_agrees_with_a_full_conversion() -> None:
    frame = as_frame(classroom_like_picture(), "yuv420p", "bt601", full_range=False)
    converted = frame.to_ndarray(format="rgb24")

    decoded = simplejpeg.decode_jpeg(encode_picture(frame).jpeg).astype(np.float64)

    assert mean_error(converted, decoded) < 2.5


def test_without_the_expansion_colours_are_visibly_wrong() -> None:
    rgb = classroom_like_picture()
    frame = as_frame(rgb, "yuv420p", "bt601", full_range=False)
    full = as_frame(rgb, "yuv420p", "bt601", full_range=True)
    raw = [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
        for plane in frame.planes
    ]
    unexpanded = simplejpeg.encode_jpeg_yuv_planes(*raw, quality=85)

    wrong = mean_error(rgb, to_rgb(unexpanded, "bt601"))

    assert wrong > 6
    assert mean_error(rgb, to_rgb(encode_picture(frame).jpeg, "bt601")) < wrong / 3
    assert mean_error(rgb, to_rgb(encode_picture(full).jpeg, "bt601")) < wrong / 3


def test_reading_bt709_planes_as_bt601_would_be_wrong() -> None:
    rgb = classroom_like_picture()
    picture = encode_picture(as_frame(rgb, "yuv420p", "bt709", full_range=False))

    assert mean_error(rgb, to_rgb(picture.jpeg, "bt601")) > 2 * mean_error(
        rgb, to_rgb(picture.jpeg, "bt709")
    )


LEVELS = np.arange(256, dtype=np.uint8)[None]


def test_black_white_and_grey_are_stretched_to_black_white_and_grey() -> None:
    luma, chroma = stretched(LEVELS, LUMA)[0], stretched(LEVELS, CHROMA)[0]
    assert (luma[16], luma[235], luma[0], luma[255]) == (0, 255, 0, 255)
    assert chroma[128] == 128
    assert (chroma[16], chroma[240]) == (0, 255)


@pytest.mark.parametrize(
    ("stretch", "low", "high", "zero", "full_zero"),
    [(LUMA, 16, 235, 16, 0), (CHROMA, 16, 240, 128, 128)],
)
@pytest.mark.parametrize("width", [1, 256, 1000])
def test_every_level_is_stretched_exactly(
    stretch: Stretch, low: int, high: int, zero: int, full_zero: int, width: int
) -> None:
    # In rows of several widths and with line padding: vector units take long rows another way.
    plane = np.resize(LEVELS, (256, width + 24))[:, :width]
    exact = (plane.astype(np.float64) - zero) * 255 / (high - low) + full_zero
    assert np.array_equal(stretched(plane, stretch), np.clip(np.rint(exact), 0, 255))


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgra", "gbrp", "nv12", "yuvj420p", "yuvj422p"])
def test_other_pixel_formats_keep_their_colours(pixel_format: str) -> None:
    rgb = classroom_like_picture()
    source = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)

    picture = encode_picture(source)

    assert mean_error(rgb, to_rgb(picture.jpeg, picture.matrix)) < 3


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_ten_bit_planes_keep_their_colours(matrix: str) -> None:
    rgb = classroom_like_picture()
    picture = encode_picture(as_frame(rgb, "yuv420p10le", matrix, full_range=False))

    assert mean_error(rgb, to_rgb(picture.jpeg, picture.matrix)) < 3


def test_a_palette_keeps_its_colours() -> None:
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 1:] = np.random.default_rng(3).integers(0, 256, (256, 3))  # ARGB
    index = np.repeat(np.repeat(np.arange(40, dtype=np.uint8).reshape(5, 8), 16, 0), 16, 1)
    frame = av.VideoFrame.from_ndarray((index, palette[:, ::-1].copy()), format="pal8")
    expected = frame.to_ndarray(format="rgb24")

    picture = encode_picture(frame)

    middle = (slice(8, None, 16), slice(8, None, 16))
    decoded = to_rgb(picture.jpeg, picture.matrix)
    assert np.abs(expected[middle].astype(float) - decoded[middle]).mean() < 8


@pytest.mark.parametrize("levels", [(0, 255), (16, 235)])
def test_grey_pictures_become_grey_jpegs(levels: tuple[int, int]) -> None:
    grey = np.tile(np.linspace(*levels, 64).astype(np.uint8), (48, 1))

    picture = encode_picture(av.VideoFrame.from_ndarray(grey, format="gray"))

    height, width, colourspace, _ = simplejpeg.decode_jpeg_header(picture.jpeg)
    assert (height, width, colourspace) == (48, 64, "Gray")
    decoded = simplejpeg.decode_jpeg(picture.jpeg, colorspace="GRAY")[..., 0]
    assert np.abs(decoded.astype(int) - grey).mean() < 2


@pytest.mark.parametrize(
    ("pixel_format", "size", "expected"),
    [
        ("yuv420p", (65, 49), (64, 48)),
        ("yuv422p", (65, 49), (64, 49)),
        ("yuv444p", (65, 49), (65, 49)),
        ("bgra", (65, 49), (64, 48)),
        ("yuv420p", (66, 50), (66, 50)),
    ],
)
def test_odd_sizes_lose_at_most_one_line(
    pixel_format: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    width, height = size
    rgb = classroom_like_picture(height, width)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
        format=pixel_format, dst_color_range="MPEG"
    )

    picture = encode_picture(frame)

    assert (picture.width, picture.height) == expected
    decoded = to_rgb(picture.jpeg, picture.matrix)
    assert decoded.shape == (expected[1], expected[0], 3)
    assert mean_error(rgb[: expected[1], : expected[0]], decoded) < 4


def test_line_padding_is_not_part_of_the_picture() -> None:
    rgb = np.full((64, 100, 3), 200, np.uint8)
    frame = as_frame(rgb, "yuv420p", "bt601", full_range=True)
    assert frame.planes[0].line_size > frame.width  # else this test shows nothing
    padded = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
    padded[:, frame.width :] = 0

    decoded = to_rgb(encode_picture(frame).jpeg, "bt601")

    assert np.abs(decoded - 200).max() < 4


def test_a_picture_from_a_real_decoder_is_encoded() -> None:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 180, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"tune": "zerolatency", "crf": "10"}
    rgb = classroom_like_picture()
    packets = [*encoder.encode(as_frame(rgb, "yuv420p", "bt601", False)), *encoder.encode(None)]
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    frames += decoder.decode(None)

    picture = encode_picture(frames[0])

    assert mean_error(rgb, to_rgb(picture.jpeg, picture.matrix)) < 3


def test_a_picture_without_a_pixel_is_refused_with_its_size() -> None:
    with pytest.raises(PictureError, match=r"frame\.width = 1"):
        encode_picture(av.VideoFrame(1, 48, "yuv420p"))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "gray"])
@pytest.mark.parametrize("region", [(0.25, 0.5, 0.75, 1.0), (0.1, 0.1, 0.333, 0.9)])
def test_a_region_is_cut_out_before_encoding(
    pixel_format: str, region: tuple[float, float, float, float]
) -> None:
    frame = as_frame(classroom_like_picture(), pixel_format, "bt601", full_range=False)
    whole = simplejpeg.decode_jpeg(encode_picture(frame, 95).jpeg).astype(int)

    picture = encode_picture(frame, 95, region)

    part = simplejpeg.decode_jpeg(picture.jpeg).astype(int)
    assert picture.whole == (320, 180)
    assert (picture.height, picture.width) == part.shape[:2]
    expected = [round(f * side) for f, side in zip(region, (320, 180, 320, 180), strict=True)]
    box = [picture.left, picture.top, picture.left + picture.width, picture.top + picture.height]
    assert np.abs(np.subtract(box, expected)).max() <= 1
    same_place = whole[box[1] : box[3], box[0] : box[2]]
    assert np.abs(part - same_place).mean() < 2.5


def test_the_smallest_region_still_has_two_pixels_a_side() -> None:
    frame = as_frame(classroom_like_picture(), "yuv420p", "bt601", full_range=True)

    for region in ((0.0, 0.0, 0.0001, 0.0001), (0.9999, 0.9999, 1.0, 1.0)):
        picture = encode_picture(frame, region=region)
        assert (picture.width, picture.height) == (2, 2)
