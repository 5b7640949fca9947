"""The supervisor over real child processes: restarts, refusals, ends; the clock is ours."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from deploy import exit_codes
from deploy.init import render
from deploy.local import supervisor as supervisor_module
from deploy.local.stack import Servers, Stack
from deploy.local.supervisor import Service, ServiceRefusedError, Supervisor
from schemas.settings import Settings
from schemas.site_file import parse_site

# Stands in for `python -m deploy`, whose folder comes first in the path of modules.
STAND_IN = """
import os, signal, sys, time
word, *rest = sys.argv[1:]
if word == "fail":
    print("boom", flush=True)
    sys.exit(3)
if word == "refuse":
    print(*(f"line {n}" for n in range(30)), "it is the setting", sep="\\n", flush=True)
    sys.exit(78)
if word == "live-once-allowed" and not os.path.exists(rest[0]):
    sys.exit(1)
if word == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", os.environ.get("FACEPOSE_METRICS_PORT", "no port"), flush=True)
while True:
    signal.pause()
"""


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def supervisor(tmp_path, monkeypatch, clock):
    (tmp_path / "deploy.py").write_text(STAND_IN)
    monkeypatch.chdir(tmp_path)
    supervisor = Supervisor(tmp_path / "logs", clock)
    yield supervisor
    supervisor.stop(timeout_s=0.2)


def service(*arguments: str, name: str = "worker-0") -> Service:
    return Service(name, arguments, dict(os.environ))


def wait_for_end(pid: int) -> None:
    """Until the child has ended; its exit status stays there for the supervisor."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def wait_for_word(supervisor: Supervisor, word: str, name: str = "worker-0") -> None:
    deadline_s = time.monotonic() + 20
    while word not in supervisor.last_words(name):
        assert time.monotonic() < deadline_s, supervisor.last_words(name)
        time.sleep(0.01)


def test_what_dies_is_started_again_after_a_growing_delay(supervisor, clock):
    supervisor.start(service("fail"))
    for restarts, delay_s in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30]):
        wait_for_end(supervisor.pid("worker-0"))
        supervisor.watch()
        clock.now_s += delay_s - 0.01
        supervisor.watch()
        assert supervisor.restarts == {"worker-0": restarts}
        clock.now_s += 0.02
        supervisor.watch()
        assert supervisor.restarts == {"worker-0": restarts + 1}


def test_a_service_that_ran_well_is_started_again_soon(supervisor, clock, tmp_path):
    supervisor.start(service("live-once-allowed", str(tmp_path / "allowed")))
    for _ in range(4):
        wait_for_end(supervisor.pid("worker-0"))
        supervisor.watch()
        clock.now_s += 30
        (tmp_path / "allowed").touch() if _ == 3 else None
        supervisor.watch()
    wait_for_word(supervisor, "ready")
    clock.now_s += 61
    supervisor.watch()
    os.kill(supervisor.pid("worker-0"), signal.SIGKILL)
    wait_for_end(supervisor.pid("worker-0"))
    supervisor.watch()
    clock.now_s += 0.51
    supervisor.watch()
    assert supervisor.restarts == {"worker-0": 5}


def test_a_living_service_is_left_alone(supervisor, clock):
    supervisor.start(service("live"))
    pid = supervisor.pid("worker-0")
    clock.now_s += 1000
    supervisor.watch()
    assert supervisor.pid("worker-0") == pid
    assert supervisor.restarts == {"worker-0": 0}


def test_one_dying_service_does_not_touch_another(supervisor, clock):
    supervisor.start(service("live", name="ingest"))
    supervisor.start(service("fail"))
    wait_for_end(supervisor.pid("worker-0"))
    supervisor.watch()
    clock.now_s += 1
    supervisor.watch()
    assert supervisor.restarts == {"ingest": 0, "worker-0": 1}


def test_a_wrong_configuration_ends_the_start_with_the_services_last_words(supervisor):
    supervisor.start(service("refuse"))
    wait_for_end(supervisor.pid("worker-0"))
    with pytest.raises(ServiceRefusedError, match="worker-0 cannot start") as caught:
        supervisor.watch()
    assert str(caught.value).endswith("line 29\nit is the setting")
    assert "line 5\n" not in str(caught.value)


def test_the_real_command_refuses_a_missing_setting(tmp_path):
    supervisor = Supervisor(tmp_path)
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    supervisor.start(Service("db", ("db", "upgrade"), environment))
    wait_for_end(supervisor.pid("db"))
    with pytest.raises(ServiceRefusedError, match="DATABASE_URL is not set"):
        supervisor.watch()


def test_stop_leaves_no_process_behind(supervisor):
    for name in ("ingest", "worker-0", "worker-1"):
        supervisor.start(service("live", name=name))
    pids = [supervisor.pid(name) for name in supervisor.restarts]
    for name in list(supervisor.restarts):
        wait_for_word(supervisor, "ready", name)
    supervisor.stop()
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert supervisor.restarts == {}


def test_stopping_some_leaves_the_others(supervisor):
    supervisor.start(service("live", name="ingest"))
    supervisor.start(service("live"))
    supervisor.stop(["ingest", "unknown"])
    assert supervisor.restarts == {"worker-0": 0}
    assert psutil.pid_exists(supervisor.pid("worker-0"))


def test_what_ignores_sigterm_is_killed(supervisor):
    supervisor.start(service("stubborn"))
    wait_for_word(supervisor, "ready")
    pid = supervisor.pid("worker-0")
    supervisor.stop(timeout_s=0.3)
    assert not psutil.pid_exists(pid)


def test_stopping_what_is_dead_already_is_harmless(supervisor):
    supervisor.start(service("fail"))
    wait_for_end(supervisor.pid("worker-0"))
    supervisor.stop()
    supervisor.stop()


def test_ctrl_c_in_the_terminal_does_not_reach_the_services(supervisor):
    supervisor.start(service("live"))
    wait_for_word(supervisor, "ready")
    assert os.getsid(supervisor.pid("worker-0")) != os.getsid(0)


def test_the_log_keeps_what_came_before_a_restart(supervisor, clock):
    supervisor.start(service("fail"))
    wait_for_end(supervisor.pid("worker-0"))
    supervisor.watch()
    clock.now_s += 1
    supervisor.watch()
    wait_for_end(supervisor.pid("worker-0"))
    assert supervisor.log_path("worker-0").read_text() == "boom\nboom\n"


def test_a_long_log_is_set_aside_while_its_service_runs(supervisor, monkeypatch):
    monkeypatch.setattr(supervisor_module, "LOG_BYTES", 1000)
    supervisor.start(service("live"))
    wait_for_word(supervisor, "ready")
    with supervisor.log_path("worker-0").open("ab") as log:
        log.write(b"x" * 1000)
    supervisor.watch()
    assert supervisor.log_path("worker-0").stat().st_size == 0
    assert supervisor.log_path("worker-0").with_suffix(".old.log").stat().st_size > 1000


def test_a_service_without_a_log_has_no_last_words(supervisor):
    assert supervisor.last_words("never-started") == "(it left no log)"


def test_passwords_of_the_environment_are_never_shown():
    settings = Settings(
        frames_url="redis://:hunter2@h/0",
        faces_url="redis://:hunter2@h/0",
        database_url="postgresql://u:hunter2@h/d",
    )
    servers = Servers(settings)
    assert servers.environment["DATABASE_URL"].count("hunter2") == 1
    supervisor = Supervisor(Path("logs"))
    stack = Stack(Path("site.yaml"), site(), servers, supervisor)
    service = Service("worker-0", ("worker",), servers.environment)
    assert "hunter2" not in repr([service, servers, stack, supervisor])


def test_each_service_gets_a_metrics_port_of_its_own(supervisor, tmp_path):
    settings = Settings(redis_url="redis://h/0", database_url="postgresql://h/d", metrics_port=9100)
    Stack(tmp_path / "site.yaml", site(), Servers(settings), supervisor, workers=2).start()
    ports = {
        "ingest": 9100,
        "aggregator": 9101,
        "reports": 9102,
        "worker-0": 9103,
        "worker-1": 9104,
    }
    assert set(supervisor.restarts) == set(ports)
    for name, port in ports.items():
        wait_for_word(supervisor, f"ready {port}", name)


def test_a_stack_stops_in_the_order_of_the_flow(tmp_path):
    stopped = []

    class Recorder(Supervisor):
        def start(self, service):
            pass

        def stop(self, names=None, timeout_s=15.0):
            stopped.append(list(names))

    settings = Settings(redis_url="redis://h/0", database_url="postgresql://h/d")
    stack = Stack(tmp_path / "site.yaml", site(), Servers(settings), Recorder(tmp_path), workers=2)
    stack.start()
    stack.stop()
    assert stopped == [["ingest"], ["worker-0", "worker-1"], ["aggregator"], ["reports"]]


def test_the_exit_status_of_a_wrong_configuration_is_sysexits():
    assert exit_codes.CONFIG == os.EX_CONFIG
    assert exit_codes.UNAVAILABLE == os.EX_UNAVAILABLE


def site():
    return parse_site(render("site.yaml", "School", "UTC", "demo", [("Room", "film.mp4")]))
