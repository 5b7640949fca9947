"""Which GPUs a worker may have. The driver itself is only there on machines with one."""

import ctypes
import subprocess

import pytest

from workers import gpu


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(gpu, "_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_gpus_are_numbered_when_nothing_is_said(two_gpus):
    assert gpu.visible_devices() == ("0", "1")
    assert gpu.has_cuda()


def test_a_choice_in_the_environment_keeps_its_names(two_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-8932f937")
    assert gpu.visible_devices() == ("3", "GPU-8932f937")


def test_names_that_the_driver_does_not_know_are_no_gpus(two_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,9")
    assert gpu.visible_devices() == ("2", "3")


def test_a_machine_without_a_driver_has_none(monkeypatch):
    monkeypatch.setattr(gpu, "_DRIVER", "libcuda-that-is-not-there.so.1")
    assert gpu.visible_devices() == ()
    assert not gpu.has_cuda()


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put a driver in place that knows three GPUs, or fails to start with this code."""

    def place(start_code: int) -> None:
        source, library = tmp_path / "driver.c", tmp_path / "libcuda-made-up.so"
        source.write_text(
            f"int cuInit(unsigned flags) {{ return {start_code}; }}\n"
            "int cuDeviceGetCount(int *count) { *count = 3; return 0; }\n"
        )
        made = subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=False)
        assert made.returncode == 0
        monkeypatch.setattr(gpu, "_DRIVER", str(library))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    if subprocess.run(["which", "cc"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no C compiler to make a driver with")
    return place


def test_the_drivers_count_is_taken(driver):
    driver(start_code=0)
    assert gpu.visible_devices() == ("0", "1", "2")


def test_a_driver_that_does_not_start_means_no_gpu(driver):
    driver(start_code=100)  # CUDA_ERROR_NO_DEVICE
    assert gpu.visible_devices() == ()


def test_asking_leaves_the_driver_untouched_in_this_process(driver, monkeypatch):
    # Else a worker that is to have the second GPU would run on the first.
    driver(start_code=0)
    asked = []
    loaded = ctypes.CDLL

    class Watched:
        def __init__(self, name: str) -> None:
            loaded(name)

        def __getattr__(self, function: str):
            asked.append(function)
            raise AttributeError(function)

    monkeypatch.setattr(ctypes, "CDLL", Watched)
    assert gpu.has_cuda()
    assert asked == []
