"""The service over stand-in groups: real processes and pipes, a clock of ours."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
from structlog.testing import capture_logs

from ingest.camera_spec import CameraSpec
from ingest.groups.grouping import most_groups
from ingest.groups.manager import GroupManager

# Stands in for a group. What a camera does is its url.
STAND_IN = """
import json, os, select, signal, sys, time
cameras, told, order = {}, {}, {"number": 0}
buffer = b""
os.set_blocking(0, False)
while True:
    select.select([0], [], [], 0.02)
    try:
        data = os.read(0, 65536)
        if not data:
            break
        buffer += data
    except BlockingIOError:
        pass
    *lines, buffer = buffer.split(b"\\n")
    for line in lines:
        order = json.loads(line)
        told.update(order["ended"])
        cameras = {c["camera_id"]: c["url"] for c in order["cameras"]}
    if "crash" in cameras.values():
        sys.exit(3)
    if "stand" in cameras.values():
        os.kill(os.getpid(), signal.SIGSTOP)
    if "babble" in cameras.values():
        os.write(1, b"no report\\n")
        continue
    report = [
        {
            "room_id": "r1", "camera_id": c, "state": "up", "epoch": str(os.getpid()),
            "packets": 10,
            "ended": told.get(c, {}), "overdue_s": 1.0 if url == "hang" else 0.0,
        }
        for c, url in cameras.items()
    ]
    away = ["faces"] if "away" in cameras.values() else []
    os.write(1, json.dumps({"cameras": report, "readers": {c: 1 for c in cameras},
        "order": order["number"],
        "finished": [c for c, url in cameras.items() if url == "short.mp4"],
        "clock_offset_ms": 7, "servers_away": away}).encode() + b"\\n")
"""
COMMAND = (sys.executable, "-c", STAND_IN)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Service:
    """A manager and what a test asks of it."""

    def __init__(self, clock: Clock, groups: int) -> None:
        self.clock = clock
        self.manager = GroupManager(COMMAND, groups, clock, cores=8)

    def read(self, **urls: str) -> None:
        self.manager.set_cameras(
            [
                CameraSpec(room_id="r1", camera_id=camera, url=url, is_film=url.endswith(".mp4"))
                for camera, url in urls.items()
            ]
        )

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline_s, f"{what}: {self.manager.overview()}"
            self.manager.watch()
            time.sleep(0.005)

    def until_all_work(self) -> None:
        self.until(lambda: self.cameras == self.told, "all cameras to be read")

    def until_it_speaks(self, camera: str) -> None:
        """Until the camera's process said something new."""
        [number] = [g.number for g in self.manager.overview().groups if camera in g.cameras]
        child = self.manager._members[number].child
        before = child.report
        self.until(lambda: child.report is not before, f"the word of {camera}")

    @property
    def pids(self) -> dict[str, int | None]:
        """The process of each camera."""
        return {c: g.pid for g in self.manager.overview().groups for c in g.cameras}

    @property
    def cameras(self) -> set[str]:
        return {c for g in self.manager.overview().groups for c in g.cameras}

    @property
    def told(self) -> set[str]:
        """Cameras whose present process has told of them."""
        pids = self.pids
        return {
            c.camera_id
            for c in self.manager.overview().cameras
            if c.state == "up" and c.epoch == str(pids[c.camera_id])
        }

    def ended(self, camera: str) -> dict[str, int]:
        return next(c.ended for c in self.manager.overview().cameras if c.camera_id == camera)


@pytest.fixture
def service(clock: Clock) -> Iterator[Service]:
    service = Service(clock, groups=2)
    yield service
    service.manager.end()


def end_of(pid: int | None) -> None:
    """Wait until the process is gone but for its exit status."""
    deadline_s = time.monotonic() + 10
    while psutil.pid_exists(pid or 0) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_cameras_are_read_by_the_wanted_number_of_processes(service: Service) -> None:
    service.read(a="ok", b="ok", c="ok", d="ok")
    service.until_all_work()

    assert len(set(service.pids.values())) == 2
    assert service.manager.overview().missing() == []
    assert service.manager.overview().clock_offset_ms == 7


def test_a_change_of_one_camera_starts_no_process_anew(service: Service) -> None:
    service.read(a="ok", b="ok", c="ok")
    service.until_all_work()
    before = service.pids
    service.read(a="other", b="ok", d="ok")
    service.until_all_work()

    assert {c: pid for c, pid in service.pids.items() if c in before} == {
        c: before[c] for c in ("a", "b")
    }
    assert {c.camera_id for c in service.manager.overview().cameras} == {"a", "b", "d"}


def test_a_group_without_a_camera_ends(service: Service) -> None:
    service.read(a="ok", b="ok")
    service.until_all_work()
    pid = service.pids["b"]
    service.read(a="ok")

    end_of(pid)
    service.until(lambda: not psutil.pid_exists(pid or 0), "its end")


def test_a_killed_process_is_replaced_at_once_and_its_cameras_alone_tell_of_it(
    service: Service,
) -> None:
    service.read(a="ok", b="ok")
    service.until_all_work()
    before = service.pids
    psutil.Process(before["a"]).kill()
    end_of(before["a"])
    service.manager.watch()  # the clock stands still: no delay
    service.until_all_work()

    assert service.pids["a"] != before["a"]
    assert service.pids["b"] == before["b"]
    assert service.ended("a") == {"crashed": 1}
    assert service.ended("b") == {}
    assert service.manager.overview().restarts == {"crashed": 1}


def test_the_counters_of_a_process_that_died_are_carried_on(service: Service) -> None:
    service.read(a="ok", b="ok")
    service.until_all_work()
    old = service.pids["a"]
    psutil.Process(old).kill()
    end_of(old)
    service.manager.watch()
    service.until_all_work()

    packets = {c.camera_id: c.packets for c in service.manager.overview().cameras}
    assert packets == {"a": 20, "b": 10}


def test_between_two_processes_a_camera_is_told_as_down(service: Service, clock: Clock) -> None:
    service.read(a="ok", b="ok")
    service.until_all_work()
    old = service.pids["a"]
    psutil.Process(old).kill()
    end_of(old)
    service.manager.watch()

    [a] = [c for c in service.manager.overview().cameras if c.camera_id == "a"]
    assert (a.state, a.cause) == ("down", "crashed")
    assert service.manager.overview().missing() == ["group 0 (a) is being started"]


def test_a_process_that_keeps_dying_waits_longer_each_time(clock: Clock) -> None:
    service = Service(clock, groups=1)
    with capture_logs() as logs:
        service.read(a="crash")
        for _ in range(9):
            end_of(service.pids["a"])
            service.manager.watch()
            clock.now_s += logs[-1]["start_in_s"]
            service.manager.watch()
            service.until(lambda: service.pids["a"] is not None, "the next start")
    service.manager.end()

    waits = [line["start_in_s"] for line in logs if line["action"] == "group_replaced"]
    assert waits == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_process_that_says_nothing_for_five_seconds_is_replaced(
    service: Service, clock: Clock
) -> None:
    service.read(a="ok", b="ok")
    service.until_all_work()
    before = service.pids
    psutil.Process(before["a"]).suspend()
    for _ in range(8):  # what it had said before may be read after the first of them only
        clock.now_s += 0.9
        service.until_it_speaks("b")
    service.until_all_work()

    assert service.pids["a"] != before["a"]
    assert service.pids["b"] == before["b"]
    assert service.ended("a") == {"hung": 1}
    assert not psutil.pid_exists(before["a"] or 0)


def test_a_service_that_was_held_up_itself_blames_nobody(service: Service, clock: Clock) -> None:
    service.read(a="ok", b="ok")
    service.until_all_work()
    before = service.pids
    for pid in set(before.values()):
        psutil.Process(pid).suspend()
    clock.now_s += 300
    service.manager.watch()
    for pid in set(before.values()):
        psutil.Process(pid).resume()
    service.until_all_work()

    assert service.pids == before


def test_after_a_standstill_of_the_machine_readers_may_give_their_word_anew(
    service: Service, clock: Clock
) -> None:
    service.read(a="ok", b="ok")
    service.until_all_work()
    before = service.pids
    clock.now_s += 300
    service.manager.watch()
    service.read(a="hang", b="ok")
    for _ in range(5):
        clock.now_s += 1.9
        service.until_it_speaks("a")
    assert service.pids == before

    clock.now_s += 1.9
    service.until(lambda: service.pids["a"] != before["a"], "the end of patience")


def test_a_camera_whose_reader_hangs_is_set_apart_and_the_others_are_spared(
    clock: Clock,
) -> None:
    service = Service(clock, groups=1)
    service.read(a="ok", b="hang", c="ok")
    service.until(lambda: service.pids["a"] != service.pids["b"], "the split")
    service.until(lambda: {"a", "c"} <= service.told, "the spared")
    spared = service.pids["a"]
    for _ in range(2):
        service.until(lambda: service.pids["b"] is None, "the next hang")
        clock.now_s += 1.5  # longer than its delay, less than what counts as being held up
        service.until(lambda: service.pids["b"] is not None, "the next start")

    assert service.pids["a"] == service.pids["c"] == spared
    assert service.ended("a") == {"crashed": 1}  # it only shared the process
    assert service.ended("b")["hung"] >= 2
    service.manager.end()


def test_who_crashes_a_group_is_found_by_halving(clock: Clock) -> None:
    service = Service(clock, groups=1)
    with capture_logs() as logs:
        service.read(a="ok", b="ok", c="crash", d="ok")

        def is_alone() -> bool:
            clock.now_s += 0.01
            return [g.cameras for g in service.manager.overview().groups].count(("c",)) == 1

        service.until(is_alone, "c to be alone")
        service.until(lambda: {"a", "b", "d"} <= service.told, "the others")
    service.manager.end()

    assert len([line for line in logs if line["action"] == "group_split"]) == 2


def test_splitting_ends_at_the_bound_of_processes(clock: Clock) -> None:
    service = Service(clock, groups=1)
    cameras = {f"c{n}": "hang" for n in range(12)}
    service.read(**cameras)

    def at_bound() -> bool:
        clock.now_s += 0.1
        return len(service.manager.overview().groups) == most_groups(1)

    service.until(at_bound, "the bound")
    deaths = sum(service.manager.overview().restarts.values())

    def died_again() -> bool:
        clock.now_s += 0.1
        return sum(service.manager.overview().restarts.values()) > deaths + 5

    service.until(died_again, "more deaths")
    assert len(service.manager.overview().groups) == most_groups(1)
    service.manager.end()


def test_what_cannot_be_understood_ends_a_process(clock: Clock) -> None:
    service = Service(clock, groups=1)
    with capture_logs() as logs:
        service.read(a="babble")
        service.until(lambda: len(logs) > 0, "its end")
    service.manager.end()

    assert "says what cannot be used" in logs[0]["event"]
    assert "no report" not in logs[0]["event"]


def test_a_film_that_has_ended_is_not_played_again_by_the_next_process(clock: Clock) -> None:
    service = Service(clock, groups=1)
    service.read(a="short.mp4", b="ok")
    service.until_all_work()
    old = service.pids["b"]
    psutil.Process(old).kill()
    end_of(old)
    service.until(lambda: "b" in service.told and service.pids["b"] != old, "the next process")
    assert service.told == {"b"}

    service.read(a="short.mp4", b="other")
    service.until_it_speaks("b")
    assert service.told == {"b"}  # nor by any other order
    service.read(b="ok")
    service.read(a="short.mp4", b="ok")  # put into the file once more: played once more
    service.until_all_work()
    service.manager.end()


def test_a_server_that_is_away_is_missing(service: Service) -> None:
    service.read(a="away", b="ok")
    service.until_all_work()

    assert service.manager.overview().missing() == ["the faces server does not answer"]


def test_the_end_leaves_no_process_even_one_that_is_stopped(
    service: Service, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    service.read(a="ok", b="ok")
    service.until_all_work()
    pids = set(service.pids.values())
    psutil.Process(service.pids["a"]).suspend()
    monkeypatch.setattr("ingest.groups.manager.END_S", 0.2)
    service.manager.end()

    assert not [pid for pid in pids if psutil.pid_exists(pid or 0)]
