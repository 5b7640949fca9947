"""This project: what a process of `facepose ingest` does with its cameras, statuses included."""

import threading
from collections import Counter

from protocol import TASK, serve

from ingest.camera_spec import CameraSpec
from ingest.groups.group import open_group
from ingest.groups.protocol import Order
from schemas.settings import Settings

settings = Settings(
    FRAMES_URL=TASK.frames_url, FACES_URL=TASK.frames_url, FACEPOSE_JPEG_QUALITY=TASK.jpeg_quality
)
cameras = tuple(
    CameraSpec(
        room_id="bench", camera_id=f"bench-{number}", url=url, analysis_fps=TASK.analysis_fps
    )
    for number, url in enumerate(TASK.urls)
)

with open_group(settings) as group:
    orders = iter([Order(cameras=cameras)])
    run = (threading.Event(), lambda: next(orders, None))
    threading.Thread(target=group.run, args=run, daemon=True).start()

    def counts() -> list[int]:
        reports = group.report().cameras
        taken = [report.sampled - sum(report.refused.values()) for report in reports]
        return taken or [0]

    def more() -> dict[str, object]:
        reports = group.report().cameras
        return {
            "packets": sum(report.packets for report in reports),
            "decoded": sum(report.decoded for report in reports),
            "decoding": reports[0].decoding,
            "ended": sum((Counter(report.ended) for report in reports), Counter()),
            "stage_s": dict(sum((Counter(report.cpu_s) for report in reports), Counter())),
        }

    serve(counts, more)
