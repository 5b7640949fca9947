"""`facepose up` on films of real people: who took part, and where they looked."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import psutil
import pytest
import redis
import sqlalchemy as sa
import yaml

from deploy.local.servers import EmbeddedPostgres
from schemas.database import create_engine
from schemas.messages import FrameFaces, decode_room_message
from schemas.streams import faces_stream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

FOLDER = "videos_ccby_intel"
FILMS = {
    "classroom": "intel_classroom.gif",
    "pair": "intel_head-pose-face-detection-female-and-male.gif",
}
PLAYED_S = 60.0  # seats lock after 30 s
TURNED_DEG = 15.0


@dataclass(frozen=True)
class Run:
    """What came of it: the database, the observations by room, how it ended."""

    engine: sa.Engine
    frames: dict[str, list[FrameFaces]]
    status: int
    processes_left: list[list[str]]
    output: str


@pytest.fixture(scope="module")
def run(real_data, networks, service_environment, valkey_server, tmp_path_factory):
    """`facepose up` for a minute, ended by SIGTERM: its rows, its observations, its end."""
    folder = tmp_path_factory.mktemp("people")
    site_path = folder / "site.yaml"
    site_path.write_text(yaml.safe_dump(site(real_data)), encoding="utf-8")
    faces_url = valkey_server.rpartition("/")[0] + "/7"
    with redis.Redis.from_url(faces_url) as client:
        client.flushdb()
        output = folder / "up.log"
        with output.open("wb") as log, pytest.MonkeyPatch.context() as patch:
            patch.setenv("FACES_URL", faces_url)
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy", "up", str(site_path)],
                cwd=folder, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            frames = watch(client, process, output)
            process.send_signal(signal.SIGTERM)
            status = process.wait(90)
            left = processes_of(folder)
        finally:
            process.kill()
            process.wait()
    server = EmbeddedPostgres(folder / ".facepose" / "postgres")
    engine = create_engine(server.start())
    try:
        yield Run(engine, frames, status, left, output.read_text(encoding="utf-8"))
    finally:
        engine.dispose()
        server.stop()


def processes_of(folder):
    """Processes that name the folder, as every service and server of its site does."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if any(str(folder) in word for word in line)]


def site(real_data):
    rooms = [
        {
            "id": room,
            "cameras": [
                {
                    "id": f"{room}-film",
                    "url": str(real_data(f"{FOLDER}/{name}")),
                    "loop": True,
                    "analysis_fps": 3,
                    "calibration": {"yaw_deg": 0, "pitch_deg": 0},
                }
            ],
        }
        for room, name in FILMS.items()
    ]
    head = {"version": 1, "site": {"id": "people", "time_zone": "Europe/Amsterdam"}}
    return {**head, "policy": "demo", "rooms": rooms}


def watch(client, process, output):
    """The rooms' observations of one minute after the first."""
    frames = {room: {} for room in FILMS}
    give_up_s, end_s = time.monotonic() + 120, None
    while end_s is None or time.monotonic() < end_s:
        assert process.poll() is None, output.read_text(encoding="utf-8")
        assert end_s or time.monotonic() < give_up_s, output.read_text(encoding="utf-8")
        for room, known in frames.items():
            for _, fields in client.xrange(faces_stream(room)):
                message = decode_room_message(fields)
                if isinstance(message, FrameFaces) and message.outcome == "analysed":
                    known[message.captured_at] = message
        if end_s is None and all(frames.values()):
            end_s = time.monotonic() + PLAYED_S
        time.sleep(0.5)
    return {room: [known[at] for at in sorted(known)] for room, known in frames.items()}


def rows(engine, query):
    with engine.connect() as connection:
        return connection.execute(sa.text(query)).all()


def test_as_many_people_took_part_as_one_sees(run):
    taking_part = rows(
        run.engine,
        """
        SELECT slug, count(*) AS people FROM participations
        JOIN meetings USING (meeting_id) JOIN rooms r USING (room_id) GROUP BY slug ORDER BY slug
        """,
    )
    assert [tuple(row) for row in taking_part] == [("classroom", 4), ("pair", 2)]
    meetings = rows(run.engine, "SELECT status, count(*) FROM meetings GROUP BY status")
    assert [tuple(row) for row in meetings] == [("held", 2)]


def test_up_stops_cleanly_and_leaves_no_process_behind(run):
    assert run.status == 0, run.output
    assert "Stopped." in run.output
    assert "Traceback" not in run.output
    assert run.processes_left == []


def test_she_looks_to_the_left_of_the_picture_and_he_to_the_right(run):
    windows = rows(
        run.engine,
        """
        SELECT participation_id, array_agg(yaw_med_cd) AS yaws FROM attention_windows
        JOIN rooms USING (room_id) WHERE slug = 'pair' AND n_obs >= 5 GROUP BY participation_id
        """,
    )
    medians = sorted(median(row.yaws) / 100 for row in windows)
    assert len(medians) == 2
    assert medians[0] < -10 < 0 < medians[1]
    left, right = faces_from_the_left(run.frames["pair"], 2)
    assert medians == pytest.approx([median_yaw(left), median_yaw(right)], abs=8)


def test_the_man_on_the_right_turns_his_head_to_the_left_and_back(run):
    """In each loop of 3 s he looks into the room, turns to the left and back again."""
    people = faces_from_the_left(run.frames["classroom"], 4)
    right = [face.yaw_deg for face in people[3] if face.yaw_deg is not None]
    away = [yaw < -TURNED_DEG for yaw in right]
    turns = sum(not before and after for before, after in pairwise(away))
    assert 0.15 < sum(away) / len(away) < 0.85
    assert turns >= 8  # of about twenty


def faces_from_the_left(frames, count):
    """The faces of each person, for people who keep their order from left to right."""
    whole = [f for f in frames if len(f.faces) == count]
    assert len(whole) > 0.8 * len(frames)
    ordered = [sorted(frame.faces, key=lambda face: face.box_xyxy[0]) for frame in whole]
    return [list(person) for person in zip(*ordered, strict=True)]


def median_yaw(faces):
    return median(face.yaw_deg for face in faces if face.yaw_deg is not None)
