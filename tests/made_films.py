"""Small films that tests make: turned, with sound, of any format; and ways to break them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000
RED, GREEN, BLUE, GREY = (220, 30, 30), (30, 200, 30), (30, 30, 220), (128, 128, 128)


def four_corners(width: int, height: int) -> NDArray[np.uint8]:
    """A picture that shows how it lies: red, green, blue and grey from the upper left, row-wise."""
    image = np.empty((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    image[height // 2 :, width // 2 :] = GREY
    return image


def corner_colours(image: NDArray[np.uint8]) -> list[str]:
    """Name the colours of the four corners, row-wise."""
    height, width = image.shape[:2]
    names = {"red": RED, "green": GREEN, "blue": BLUE, "grey": GREY}
    found = []
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            distance = {
                name: np.abs(image[y, x].astype(int) - colour).sum()
                for name, colour in names.items()
            }
            found.append(min(distance, key=distance.__getitem__))
    return found


def make_film(
    path: Path,
    *,
    size: tuple[int, int] = (64, 48),
    times: Sequence[int] = tuple(range(10)),
    time_base: Fraction = Fraction(1, 10),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    turn: tuple[float, bool, bool] | None = None,
    aspect: Fraction | None = None,
    sound: str | None = None,
    format_name: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a film of `four_corners`, each picture a little brighter than the last.

    Args:
        path: to write.
        size: width and height [px].
        times: when each picture is shown [ticks].
        time_base: seconds a tick.
        codec: of the pictures.
        pixel_format: of the pictures.
        turn: degrees counter-clockwise, mirrored horizontally, mirrored vertically.
        aspect: width of a pixel over its height.
        sound: codec of a tone beside it.
        format_name: of the container, if its name does not tell.
        options: of the container.
    """
    with av.open(str(path), "w", format=format_name, options=options or {}) as container:
        video = container.add_stream(codec, rate=10)
        video.width, video.height = size
        video.pix_fmt = pixel_format
        video.codec_context.time_base = time_base
        video.codec_context.thread_count = 1
        if codec == "libx264":
            video.options = {"bf": "0"}
        if aspect is not None:
            video.codec_context.sample_aspect_ratio = aspect
        if turn is not None:
            video.set_display_rotation(*turn)
        audio = None if sound is None else container.add_stream(sound, rate=SAMPLE_RATE)
        base = four_corners(*size)
        for index, at in enumerate(times):
            picture = np.clip(base.astype(int) + index % 20, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format=pixel_format)
            frame.pts, frame.time_base = at, time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            _write_tone(container, audio, float(times[-1] * time_base) + 0.1)
    return path


def _write_tone(
    container: av.container.OutputContainer, stream: av.AudioStream, seconds: float
) -> None:
    context = stream.codec_context
    resampler = av.AudioResampler(
        context.format, "stereo", SAMPLE_RATE, frame_size=context.frame_size or 1024
    )
    samples = np.arange(round(seconds * SAMPLE_RATE))
    tone = 0.3 * np.sin(2 * np.pi * 440 * samples / SAMPLE_RATE)
    frame = av.AudioFrame.from_ndarray(
        np.stack((tone, tone)).astype(np.float32), format="fltp", layout="stereo"
    )
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
    for source in (frame, None):
        for part in resampler.resample(source):
            container.mux(stream.encode(part))
    container.mux(stream.encode(None))


def cut_off(path: Path, share: float) -> Path:
    """Keep only the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def spoil(path: Path, start: float, stop: float) -> Path:
    """Overwrite a part of a file with noise."""
    data = bytearray(path.read_bytes())
    first, last = int(len(data) * start), int(len(data) * stop)
    noise = np.random.default_rng(7).integers(0, 256, last - first, dtype=np.uint8)
    data[first:last] = noise.tobytes()
    path.write_bytes(data)
    return path


def stamps(path: Path) -> list[Fraction]:
    """Return when each picture of a film is shown [s]."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    """Return the pictures of a film as RGB, as they are stored."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
