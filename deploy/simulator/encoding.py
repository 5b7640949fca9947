"""Pictures to H.264 as a surveillance camera sends it, and joining films without re-encoding."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

# A key frame every 1.5 s, so that a client that connects sees a picture soon; no B-frames, so that
# frames leave in order; parameter sets again with every key frame.
_CODEC_OPTIONS: Final = {
    "preset": "veryfast",
    "crf": "26",
    "bf": "0",
    "x264-params": "scenecut=0:repeat-headers=1:open-gop=0",
}


def encode_film(
    path: Path, pictures: Iterable[NDArray[np.uint8]], *, width: int, height: int, fps: int
) -> None:
    """Encode pictures as MP4 with limited-range yuv420p.

    Args:
        path: to write.
        pictures: (H, W, 3) RGB each.
        width: of the pictures [px], even.
        height: of the pictures [px], even.
        fps: frames a second.
    """
    reformatter = VideoReformatter()
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options=_CODEC_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size = fps * 3 // 2
        stream.codec_context.thread_count = 1
        stream.codec_context.color_range = ColorRange.MPEG
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.time_base = Fraction(1, fps)
        for index, picture in enumerate(pictures):
            frame = reformatter.reformat(
                av.VideoFrame.from_ndarray(picture, format="rgb24"),
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
            )
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def join_films(parts: Sequence[Path], path: Path) -> None:
    """Put films of the same kind one behind the other."""
    with av.open(str(path), "w", format="mp4") as target:
        stream: VideoStream | None = None
        start = 0
        for part in parts:
            with av.open(str(part)) as source:
                video = source.streams.video[0]
                if stream is None:
                    stream = target.add_stream_from_template(video)
                end = start
                for packet in source.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + start, packet.dts + start
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    target.mux(packet)
                start = end
