"""The log that a played lesson feeds to the room, and the copy of a run's log."""

from itertools import pairwise

import numpy as np
import pytest

from deploy.lesson.classroom import build_classroom
from deploy.lesson.degrade import Degrader
from deploy.lesson.errors import LogIncompleteError
from deploy.lesson.log import NS, CameraAnswers, write_log
from deploy.lesson.log_tap import TappedProcesses
from deploy.lesson.noise_model import load_noise
from deploy.simulator.undrawn import Undrawn
from schemas.messages import CameraStatus, EndOfStream, FrameFaces, RoomPlan, Tick
from schemas.policy import resolve
from schemas.room_plan import CameraPlan
from workers.geometry.canonical_mesh import load_canonical_mesh

START_NS = 1_772_436_600 * NS
SECONDS = 120


@pytest.fixture(scope="module")
def log():
    classroom = build_classroom(6, 2, 7)
    undrawn = Undrawn(load_canonical_mesh(), classroom.room, classroom.lesson, 5)
    degrader = Degrader(load_noise(), 1)
    cameras = []
    for camera in classroom.room.cameras:
        film = undrawn.film(camera)
        cameras.append(
            CameraAnswers(
                film.students,
                degrader.answers(film.students),
                degrader.answers(film.bystanders),
                degrader.false_faces(film.students),
            )
        )
    plan = RoomPlan(
        room_id="classroom", at=START_NS - NS, site_id="school", time_zone="UTC",
        policy=resolve("demo"),
        cameras=tuple(
            CameraPlan(camera_id=camera.id, mask_bit=bit, analysis_fps=5)
            for bit, camera in enumerate(classroom.room.cameras)
        ),
    )  # fmt: skip
    return list(write_log(plan, cameras, START_NS, 1))


def key(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


def test_ids_only_grow(log):
    assert all(key(before) < key(after) for (before, _), (after, _) in pairwise(log))


def test_every_frame_of_both_cameras_comes_once_after_it_was_captured(log):
    frames = [(key(entry)[0], m) for entry, m in log if isinstance(m, FrameFaces)]
    assert len(frames) == 2 * 5 * SECONDS
    assert len({(m.camera_id, m.seq) for _, m in frames}) == len(frames)
    latency_ms = [came - m.captured_at / 1e6 for came, m in frames]
    assert 100 < min(latency_ms) < max(latency_ms) < 500
    first, second = (
        np.array(sorted(m.captured_at for _, m in frames if m.camera_id == name))
        for name in ("classroom-1", "classroom-2")
    )
    assert set(second - first) == {70_000_000}  # cameras are not in step


def test_each_camera_has_a_status_a_second_and_one_end(log):
    messages = [m for _, m in log]
    assert sum(isinstance(m, CameraStatus) for m in messages) == 2 * SECONDS
    assert sum(isinstance(m, EndOfStream) for m in messages) == 2
    assert isinstance(messages[0], RoomPlan)
    assert isinstance(messages[-1], Tick)  # time goes on, so that the lesson closes


class NoProcesses:
    def start(self, servers, recording): ...
    def watch(self): ...
    def stop(self): ...


def test_a_copied_log_that_lacks_frames_is_not_judged(log):
    tapped = TappedProcesses(NoProcesses())
    with pytest.raises(LogIncompleteError):
        tapped.complete()
    tapped.entries = list(log)
    assert tapped.complete() == log
    gone = next(i for i, (_, m) in enumerate(log) if isinstance(m, FrameFaces) and m.seq == 7)
    del tapped.entries[gone]
    with pytest.raises(LogIncompleteError, match="1 frames of the run's log"):
        tapped.complete()
