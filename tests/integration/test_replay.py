"""Films become history: through real servers, a real worker loop and a real aggregator."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.replay.errors import ReplayTakenError
from ingest.recording import replay
from schemas.messages import decode_frame
from schemas.streams import faces_stream, frames_stream
from tests.fixtures_analyzer import StandInAnalyzer
from tests.fixtures_films import frame_number, write_film
from tests.fixtures_worker import LocalValkey
from tests.integration.running_replay import ROWS, RUNS, ReplaySchool, Threads, a_site

ROOT = Path(__file__).resolve().parents[2]
LENGTH_S = 70
LENGTH = "SELECT extract(epoch FROM upper(actual) - lower(actual)) FROM meetings"
RECENT = "2026-11-26T09:00:30+01:00"


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "lesson.mp4", seconds=LENGTH_S, fps=4)


@pytest.fixture(scope="session")
def other_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "other.mp4"
    return write_film(path, seconds=20, fps=4, size=(240, 180))


@pytest.fixture
def frames_server() -> Iterator[LocalValkey]:
    with LocalValkey() as server:
        yield server


@pytest.fixture
def school(database_url: str, frames_server: LocalValkey, valkey_server: str):
    schools: list[ReplaySchool] = []

    def make(*cameras: str, **options: object) -> ReplaySchool:
        made = ReplaySchool(
            database_url, frames_server.url, valkey_server, a_site(cameras or ("c1",), **options)
        )
        made.faces.flushdb()
        schools.append(made)
        return made

    yield make
    for made in schools:
        made.close()


def test_a_film_becomes_a_meeting_of_its_own_time(school, film):
    school = school()
    assert school.replay(school.request(film))
    assert school.one("SELECT source_key, status, lower(actual)::text FROM meetings") == (
        "film:2026-03-02T07:30:00Z",
        "held",
        "2026-03-02 07:30:00+00",
    )
    assert school.one(LENGTH) == (LENGTH_S,)
    assert school.one("SELECT n_present, quality, coverage > 900 FROM meeting_summaries") == (
        1,
        "too_short",
        True,
    )
    assert school.one("SELECT count(*) FROM camera_minutes") == (0,)


def test_a_second_replay_changes_nothing_in_any_table(school, film):
    school = school()
    assert school.replay(school.request(film))
    before = school.dump()
    analyzer = StandInAnalyzer()
    assert school.replay(school.request(film), Threads(school.site, [analyzer]))
    assert school.dump() == before
    assert analyzer.batch_sizes == []
    assert "part of the history already" in school.said.getvalue()


def test_another_film_from_the_same_start_on_is_refused(school, film, other_film):
    school = school()
    assert school.replay(school.request(other_film))
    before = school.dump()
    with pytest.raises(ReplayTakenError, match="choose another --start, or delete that meeting"):
        school.replay(school.request(film))
    assert school.dump() == before


def test_a_recording_that_was_deleted_as_the_page_says_can_be_replaced(school, film, other_film):
    school = school()
    request = school.request(other_film, start=RECENT)
    assert school.replay(request)
    page = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    statements = page.partition("```sql\n")[2].partition("```")[0]
    (meeting_id,) = school.one("SELECT meeting_id FROM meetings")
    statements = statements.replace("123", str(meeting_id))
    statements = re.sub(r"'film-[^']*'", f"'{request.run_id}'", statements)
    with school.engine.connect() as connection:
        connection.exec_driver_sql(statements)
    assert {table for table, rows in school.dump((*ROWS, *RUNS)).items() if rows} == set()
    assert school.replay(school.request(film, start=RECENT))


def test_nothing_of_a_run_that_is_over_is_left_on_the_servers(school, other_film):
    school = school()
    assert school.replay(school.request(other_film))
    assert school.frames.keys("*") == []
    assert school.faces.keys("*") == []


@pytest.mark.parametrize("policy", ["demo", pytest.param("eu", marks=pytest.mark.slow)])
def test_a_replay_that_was_stopped_goes_on_and_ends_with_the_same_rows(school, film, policy):
    school = school(policy=policy)
    request = school.request(film, start=RECENT)
    assert school.replay(request)
    undisturbed = school.dump(ROWS)
    school.forget()

    for frames in (30, 80):
        assert not school.replay(request, stopping_after(school, frames))
        school.stop.clear()
    assert school.said.getvalue().count("The same command goes on from there") == 2
    assert "Going on at 00:" in school.said.getvalue()
    assert school.replay(request)
    assert school.dump(ROWS) == undisturbed
    per_student = len(undisturbed["attention_windows"])
    assert (per_student > 0) == (policy == "demo")


def stopping_after(school: ReplaySchool, frames: int) -> Threads:
    analyzer = StandInAnalyzer()

    def count(images: object) -> None:
        if sum(analyzer.batch_sizes) >= frames:
            school.stop.set()

    analyzer.before = count
    return Threads(school.site, [analyzer])


def test_a_frames_server_that_starts_again_empty_costs_no_frame(school, film, frames_server):
    school = school()
    request = school.request(film, start=RECENT)
    assert school.replay(request)
    undisturbed = school.dump(ROWS)
    school.forget()

    analyzer = StandInAnalyzer()
    restarts: list[int] = []

    def restart_once(images: object) -> None:
        if not restarts and sum(analyzer.batch_sizes) >= 40:
            restarts.append(len(school.frames.keys("*")))
            frames_server.stop()
            frames_server.start()

    analyzer.before = restart_once
    assert school.replay(request, Threads(school.site, [analyzer]))
    assert restarts == [1]
    assert school.dump(ROWS) == undisturbed


@pytest.mark.slow
def test_a_slow_worker_and_many_give_the_same_rows(school, film):
    school = school("c1", "c2")
    films = (f"c1={film}", f"c2={film.parent / 'short.mp4'}")
    write_film(film.parent / "short.mp4", seconds=41, fps=4)
    request = school.request(*films, start=RECENT)
    slow = StandInAnalyzer(before=lambda images: time.sleep(0.004 * len(images)))
    assert school.replay(request, Threads(school.site, [slow]))
    rows = school.dump(ROWS)
    assert school.one("SELECT camera_down_s FROM meeting_summaries") == (LENGTH_S - 41,)
    school.forget()
    assert school.replay(request, Threads(school.site, [StandInAnalyzer() for _ in range(3)]))
    assert school.dump(ROWS) == rows


def test_films_of_one_camera_follow_each_other_without_a_gap(school, film, other_film):
    school = school()
    assert school.replay(school.request(film, other_film))
    assert school.one(LENGTH) == (LENGTH_S + 20,)
    assert school.one("SELECT coverage, camera_down_s FROM meeting_summaries") == (1000, 0)


def test_what_is_beyond_retention_is_rolled_up_and_not_kept(school, film):
    school = school(retention={"windows_days": 100, "student_minutes_days": 270})
    assert school.replay(school.request(film))  # 270 days ago
    kept = school.dump(ROWS)
    assert len(kept["attention_windows"]) == 0
    assert len(kept["attention_minutes"]) == len(kept["meeting_minutes"]) == 2
    assert len(kept["participation_summaries"]) == 1


def test_a_frame_that_cannot_be_analysed_is_counted_and_the_rest_goes_on(school, film):
    school = school()

    def poison_one(images):
        if any(frame_number(image) == 0 for image in images):
            raise ValueError("a picture that no network takes")

    analyzer = StandInAnalyzer(before=poison_one)
    assert school.replay(school.request(film), Threads(school.site, [analyzer]))
    assert f"{2 * LENGTH_S} sent, 1 not usable" in school.said.getvalue()
    assert school.one("SELECT status FROM meetings") == ("held",)


def test_a_live_room_beside_a_replay_is_left_alone(school, film):
    school = school()
    live = {faces_stream("r1"): {b"k": b"1"}, frames_stream("c1"): {b"k": b"2"}}
    for stream, fields in live.items():
        client = school.faces if stream.startswith("faces") else school.frames
        client.xadd(stream, fields)
        client.xgroup_create(stream, "workers", "0")
    before = live_streams(school)
    assert school.replay(school.request(film))
    assert live_streams(school) == before
    assert school.one("SELECT count(*) FROM room_state WHERE run_id = ''") == (0,)


def live_streams(school: ReplaySchool) -> list[object]:
    streams = ((school.faces, faces_stream("r1")), (school.frames, frames_stream("c1")))
    return [(c.xinfo_stream(n), c.xinfo_groups(n), c.xrange(n)) for c, n in streams]


class EmptyRoom(StandInAnalyzer):
    """Sees nobody."""

    def analyze(self, images, views=None):
        return [[] for _ in super().analyze(images, views)]


def test_a_film_with_nobody_in_it_is_a_meeting_without_participations(school, film):
    school = school()
    assert school.replay(school.request(film), Threads(school.site, [EmptyRoom()]))
    assert school.one("SELECT status FROM meetings") == ("held",)
    assert school.one("SELECT n_present, coverage FROM meeting_summaries") == (0, 0)
    assert school.one("SELECT count(*) FROM participations") == (0,)


def test_an_aggregator_that_is_away_is_waited_for(school, film, monkeypatch):
    monkeypatch.setattr(replay, "MAX_LOG_ENTRIES", 40)
    school = school()
    request = school.request(film)
    entries: list[int] = []

    def stop_when_it_stands() -> None:
        entries.append(school.faces.xlen(faces_stream("r1", request.run_id)))
        if entries[-3:] == entries[-1:] * 3 and entries[-1] > 40:
            school.stop.set()

    threads = Threads(school.site, aggregates=False)
    threads.on_watch = stop_when_it_stands
    assert not school.replay(request, threads)
    assert entries[-1] < 60  # all of the film would be more than 200


def test_only_one_process_sends_a_recording(school, film):
    school = school()
    request = school.request(film)
    started, go_on = threading.Event(), threading.Event()
    threads = Threads(school.site)
    threads.on_watch = lambda: (started.set(), go_on.wait(20))
    first = threading.Thread(target=school.replay, args=(request, threads))
    first.start()
    try:
        assert started.wait(20)
        with pytest.raises(ReplayTakenError, match="another process sends a recording"):
            school.replay(request)
    finally:
        go_on.set()
        first.join(60)
    assert school.one("SELECT status FROM meetings") == ("held",)


def test_without_a_worker_it_waits_with_few_frames_on_the_server(school, film):
    school = school(region=(0.25, 0.0, 0.75, 1.0))
    request = school.request(film)
    waiting: list[int] = []

    def stop_when_full() -> None:
        waiting.append(school.frames.xlen(frames_stream("c1", request.run_id)))
        if len(waiting) > 3:
            school.stop.set()

    threads = Threads(school.site, [])
    threads.on_watch = stop_when_full
    assert not school.replay(request, threads)
    assert waiting[-1] == 64
    _, fields = school.frames.xrange(frames_stream("c1", request.run_id), count=1)[0]
    frame, _jpeg = decode_frame(fields)
    assert (frame.run_id, frame.seq) == (request.run_id, 0)
    assert (frame.left, frame.width, frame.whole_width, frame.height) == (80, 160, 320, 180)
    assert frame.captured_at == request.start_ns
    assert "Stopped at 00:00" in school.said.getvalue()
