"""Every contestant of `facepose bench ingest` really reads cameras over RTSP."""

import os

import av
import pytest

from deploy.bench.camera_film import CAMERA_FPS, FILM_S, camera_film
from deploy.bench.ingest import CONTESTANTS, OURS, IngestOptions, one_round, task_of
from deploy.bench.ingest_site import frames_server, simulated_camera

OPTIONS = IngestOptions(2, 2.0, 5.0, (320, 180), "keys")


@pytest.fixture
def film(weights):
    return camera_film("keys", 320, 180)


@pytest.mark.slow
def test_a_film_is_coded_as_the_stream_says(film):
    with av.open(str(film)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    keys = [index for index, packet in enumerate(packets) if packet.is_keyframe]
    assert len(packets) == FILM_S * CAMERA_FPS
    assert keys == list(range(0, FILM_S * CAMERA_FPS, CAMERA_FPS))
    assert all(packet.pts == packet.dts for packet in packets)


@pytest.mark.slow
def test_every_contestant_samples_what_it_should(film):
    core = max(os.sched_getaffinity(0))
    with simulated_camera(film, core) as camera_url, frames_server(core) as frames_url:
        task = task_of(OPTIONS, camera_url, frames_url)
        measured = {name: one_round(name, task, core, OPTIONS, 2.0) for name in CONTESTANTS}
    for each in measured.values():
        assert each.ms > 0
        assert each.share > 0.5
    ours = measured[OURS]
    assert set(ours.stage_ms) == {"network", "decode", "convert", "encode", "publish"}
    assert sum(ours.stage_ms.values()) < ours.ms
