"""The floor: PyAV takes the stream and decodes all of it, and nothing comes out."""

import av
from protocol import EVERY, TASK, read_all


def read(number: int, sampled: list[int]) -> None:
    with av.open(TASK.urls[number], options={"rtsp_transport": "tcp"}) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for index, _ in enumerate(container.decode(stream)):
            sampled[number] += index % EVERY == 0


read_all(read)
