"""Which GPUs a worker takes, and how several workers divide the cameras."""

import threading

import pytest

from deploy import worker_command
from deploy.init import render
from deploy.local.stack import Servers, Stack
from deploy.local.supervisor import Supervisor
from deploy.worker_command import chosen_devices, run_workers, worker_arguments
from schemas.analysis import ModelChoices
from schemas.errors import SettingsError
from schemas.settings import Settings
from schemas.site_file import parse_site
from schemas.streams import frames_stream
from tests.fixtures_analyzer import StandInAnalyzer
from workers import gpu
from workers.metrics import WorkerMetrics
from workers.runner import CPU_TUNING, build_worker

URLS = {"redis_url": "redis://h/0", "database_url": "postgresql://h/d"}


@pytest.fixture
def four_gpus(monkeypatch):
    """The driver's answer, which no machine without GPUs can be made to give."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu, "_count", lambda: 4)


def site(follow=False, cameras=3):
    rooms = [(f"Room {n}", "film.mp4") for n in range(cameras)]
    parsed = parse_site(render("site.yaml", "School", "UTC", "demo", rooms))
    return parsed.model_copy(update={"models": ModelChoices(follow=follow)})


def test_all_gpus_are_taken_unless_some_are_named(four_gpus):
    assert chosen_devices(None, Settings()) == ["0", "1", "2", "3"]
    assert chosen_devices("1, 3,1", Settings()) == ["1", "3"]


def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(four_gpus):
    with pytest.raises(SettingsError, match="--devices 1,7: there is only 0,1,2,3"):
        chosen_devices("1,7", Settings())


def test_without_a_gpu_naming_one_is_a_mistake_and_naming_none_is_not(monkeypatch):
    monkeypatch.setattr(gpu, "_count", lambda: 0)
    assert chosen_devices(None, Settings()) == []
    with pytest.raises(SettingsError, match="there is no GPU here"):
        chosen_devices("0", Settings())


def test_the_cpu_when_it_is_asked_for(four_gpus):
    assert chosen_devices(None, Settings(device="cpu")) == []
    with pytest.raises(SettingsError, match="FACEPOSE_DEVICE is cpu"):
        chosen_devices("0", Settings(device="cpu"))


def test_gpus_hidden_from_this_process_stay_hidden(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-8f")
    monkeypatch.setattr(gpu, "_count", lambda: 2)
    assert gpu.visible_devices() == ("5", "GPU-8f")


def streams_of(shard, cameras=7):
    worker = build_worker(
        site(cameras=cameras),
        None,
        None,
        StandInAnalyzer(),
        stop=threading.Event(),
        shard=shard,
        max_age_s=3,
        metrics=WorkerMetrics(None),
        tuning=CPU_TUNING,
    )
    return worker._intake._rotation.active()


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_shards_divide_the_cameras_and_forget_none(count):
    shards = [streams_of((index, count)) for index in range(count)]
    everything = [frames_stream(camera.id) for _, camera in site(cameras=7).cameras()]
    assert sorted(stream for shard in shards for stream in shard) == sorted(everything)


def test_a_shard_is_divided_further_without_gaps(tmp_path):
    path = tmp_path / "site.yaml"
    parts = [worker_arguments(path, (1, 2), n, 3, None)[3] for n in range(3)]
    assert parts == ["1/6", "3/6", "5/6"]
    found = [stream for part in (1, 3, 5) for stream in streams_of((part, 6))]
    assert sorted(found) == sorted(streams_of((1, 2)))


class Recorder(Supervisor):
    """Starts nothing, and stops the command after its first look."""

    def __init__(self, _folder, stop=None):
        super().__init__(None)
        self.services, self.end = [], stop

    def start(self, service):
        self.services.append(service)

    def watch(self):
        self.end.set()


@pytest.mark.parametrize(("follow", "shards"), [(False, ["0/1", "0/1"]), (True, ["0/2", "1/2"])])
def test_each_gpu_has_a_worker_and_only_followers_divide_the_cameras(
    monkeypatch, tmp_path, four_gpus, follow, shards
):
    stop = threading.Event()
    recorder = Recorder(None, stop)
    monkeypatch.setattr(worker_command, "Supervisor", lambda _folder: recorder)
    run_workers(
        tmp_path / "site.yaml",
        site(follow),
        Settings(metrics_port=9200),
        shard=(0, 1),
        devices=["1", "3"],
        stop=stop,
    )
    said = [service.arguments for service in recorder.services]
    assert [words[words.index("--shard") + 1] for words in said] == shards
    assert [words[words.index("--devices") + 1] for words in said] == ["1", "3"]
    ports = [service.environment["FACEPOSE_METRICS_PORT"] for service in recorder.services]
    assert ports == ["9201", "9202"]


def test_a_stack_of_workers_shares_the_gpus_in_turn(tmp_path):
    recorder = Recorder(None)
    servers = Servers(Settings(**URLS))
    stack = Stack(tmp_path / "s.yaml", site(), servers, recorder, workers=3, devices=["0", "1"])
    stack.start(["worker"])
    assert [service.arguments[-1] for service in recorder.services] == ["0", "1", "0"]
