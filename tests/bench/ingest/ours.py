"""This project's readers, as a process of `facepose ingest` runs them."""

import random
import threading
from collections import Counter

import cv2
from protocol import TASK, serve

from ingest.backoff import Backoff
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.live import LiveSource
from ingest.minute_log import MinuteLog
from ingest.publisher import FramePublisher, ServerRest, kept_frames, with_timeout
from ingest.reader import CameraReader
from ingest.source import HostClocks
from schemas.transport import connect

KEPT_S = 4.0
cv2.setNumThreads(1)
clocks, rng, stop = HostClocks(), random.Random(), threading.Event()
client = connect(with_timeout(TASK.frames_url))
maxlen = kept_frames(KEPT_S, TASK.analysis_fps)


def reader(number: int, url: str) -> CameraReader:
    spec = CameraSpec(
        room_id="bench", camera_id=f"bench-{number}", url=url, analysis_fps=TASK.analysis_fps
    )
    state = CameraState(spec.room_id, spec.camera_id, clocks.monotonic_ns)
    rest = ServerRest(Backoff(rng), clocks.monotonic_ns)
    return CameraReader(
        source=LiveSource(spec, clocks, state, stop.wait),
        spec=spec,
        state=state,
        publisher=FramePublisher(client, state, rest, maxlen),
        log=MinuteLog(clocks.monotonic_ns, camera=spec.camera_id),
        backoff=Backoff(rng),
        clocks=clocks,
        wait=stop.wait,
        jpeg_quality=TASK.jpeg_quality,
    )


readers = [reader(number, url) for number, url in enumerate(TASK.urls)]
for each in readers:
    threading.Thread(target=each.run, daemon=True).start()


def counts() -> list[int]:
    return [r.sampled - sum(r.refused.values()) for r in (each.state.report() for each in readers)]


def more() -> dict[str, object]:
    reports = [each.state.report() for each in readers]
    stages = Counter[str]()
    for report in reports:
        stages.update(report.cpu_s)
    return {
        "packets": sum(report.packets for report in reports),
        "decoded": sum(report.decoded for report in reports),
        "decoding": reports[0].decoding,
        "refused": sum((Counter(report.refused) for report in reports), Counter()),
        "ended": sum((Counter(report.ended) for report in reports), Counter()),
        "stage_s": dict(stages),
    }


serve(counts, more)
