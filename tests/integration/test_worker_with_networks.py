"""The worker with its real networks: what it loads, what it finds, how old frames get."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import simplejpeg
from prometheus_client import CollectorRegistry

from schemas.messages import Frame, FrameFaces, decode_room_message, encode
from schemas.settings import Settings
from schemas.site_file import parse_site
from schemas.streams import faces_stream, frames_stream
from tests.fixtures_worker import LocalValkey
from workers.metrics import WorkerMetrics
from workers.runner import run_worker

FIVE_PEOPLE = "videos_mit_pyfeat/pyfeat_multi_face.jpg"
WAIT_S = 120.0


pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture
def server() -> Iterator[LocalValkey]:
    with LocalValkey() as server:
        yield server


def analysed(server: LocalValkey, images: list[np.ndarray], policy: str) -> list[FrameFaces]:
    """What `run_worker` with its own analyzer says about `images`."""
    site = parse_site(
        f"""
version: 1
site: {{id: school, time_zone: UTC}}
policy: {policy}
rooms: [{{id: r1, cameras: [{{id: c1, url: "rtsp://camera.invalid/1"}}]}}]
"""
    )
    settings = Settings(
        redis_url=server.url, device="cpu", threads=1, frames_kept_s=60, max_age_s=60
    )
    stop, metrics = threading.Event(), WorkerMetrics(CollectorRegistry())
    thread = threading.Thread(
        target=run_worker, args=(site, settings), kwargs={"stop": stop, "metrics": metrics}
    )
    thread.start()
    try:
        with server.client() as client:
            for seq, image in enumerate(images):
                client.xadd(frames_stream("c1"), frame_fields(seq, image))
            deadline = time.monotonic() + WAIT_S
            while client.xlen(faces_stream("r1")) < len(images):
                assert thread.is_alive(), "the worker died"
                assert time.monotonic() < deadline, "no records came"
                time.sleep(0.05)
            entries = client.xrange(faces_stream("r1"))
    finally:
        stop.set()
        thread.join(WAIT_S)
    records = [decode_room_message(fields) for _, fields in entries]
    return [record for record in records if isinstance(record, FrameFaces)]


def frame_fields(seq: int, image: np.ndarray) -> dict[bytes, bytes]:
    height, width = image.shape[:2]
    header = Frame(
        room_id="r1",
        camera_id="c1",
        epoch="e1",
        seq=seq,
        captured_at=time.time_ns(),
        width=width,
        height=height,
    )
    return encode(header, simplejpeg.encode_jpeg(image, quality=90))


def test_an_empty_room_is_seen_and_empty_and_a_locked_profile_loads_no_expression_network(server):
    room = np.full((180, 320, 3), 127, np.uint8)
    (record,) = analysed(server, [room], policy="eu")
    assert (record.outcome, record.faces) == ("analysed", ())
    assert "yunet" in record.model_version
    assert "xception" not in record.model_version


def test_five_real_people_are_found_in_a_batch_of_frames(server, real_data):
    picture = cv2.imread(str(real_data(FIVE_PEOPLE)), cv2.IMREAD_COLOR_RGB)
    records = analysed(server, [picture] * 3, policy="demo")
    assert [(record.seq, len(record.faces)) for record in records] == [(0, 5), (1, 5), (2, 5)]
    for face in itertools.chain.from_iterable(record.faces for record in records):
        assert face.yaw_deg is not None
        assert face.eye_openness is not None
        assert sum(face.expression or ()) == pytest.approx(1.0, abs=0.001)
