"""For who has a GPU: agreement and speed in one command, as JSON for docs/performance.md.

    python -m tests.gpu.run_all > gpu.json

It runs the tests of this folder (their output goes to the error stream), then measures throughput
on simulated classrooms in 1080p with some 27 faces each. `--device cpu --seconds 1` tries the
script itself.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

import simplejpeg
import structlog
import torch

from schemas.analysis import ModelChoices
from tests.classroom_pictures import large_classroom
from workers.device.decode import has_batch_decoder
from workers.device.pipeline import DevicePipeline
from workers.stages import View
from workers.weights import pull

WEIGHTS = ("yunet", "face_landmarker", "mini_xception")


def main() -> int:
    """Run tests and benchmark; 1 when a test failed."""
    asked = _arguments()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    pull(WEIGHTS)
    passed = True if asked.no_tests else _tests_pass()
    report = {
        "machine": _machine(asked.device),
        "tests": "not run" if asked.no_tests else "passed" if passed else "FAILED",
        "picture": "1080p, simulated classroom, about 27 faces",
        "runs": [
            _run(asked, precision, mode, frames)
            for precision in ("exact", "fast")
            for mode in asked.modes
            for frames in asked.frames
        ],
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0 if passed else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--frames", type=int, nargs="+", default=[1, 8, 16, 64])
    parser.add_argument("--modes", nargs="+", default=["eager", "graphs"])
    parser.add_argument("--no-tests", action="store_true")
    return parser.parse_args()


def _tests_pass() -> bool:
    command = [sys.executable, "-m", "pytest", "-q", str(Path(__file__).parent)]
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0


def _machine(device: str) -> dict[str, object]:
    found: dict[str, object] = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "nvjpeg": has_batch_decoder(),
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        found |= {"gpu": properties.name, "memory_gib": round(properties.total_memory / 2**30, 1)}
    return found


def _run(asked: argparse.Namespace, precision: str, mode: str, frames: int) -> dict[str, object]:
    models = ModelChoices(precision=precision)
    pipeline = DevicePipeline.load(
        asked.device, models, expression=True, min_presence=0.5, mode=mode
    )
    pictures = [large_classroom(seed % 8) for seed in range(frames)]
    jpegs = [simplejpeg.encode_jpeg(picture, quality=90) for picture in pictures]
    views = [View()] * frames
    faces = pipeline.measure(pictures, views)
    run: dict[str, object] = {
        "precision": precision,
        "mode": mode,
        "frames_a_call": frames,
        "faces_a_frame": round(len(faces.confidence) / frames, 1),
        "frames_per_s_from_pictures": _rate(
            lambda: pipeline.measure(pictures, views), frames, asked.seconds
        ),
        "frames_per_s_from_jpegs": _rate(
            lambda: pipeline.measure_jpegs(jpegs, views), frames, asked.seconds
        ),
    }
    if asked.device.startswith("cuda"):
        run["peak_memory_mib"] = torch.cuda.max_memory_allocated() // 2**20
        torch.cuda.reset_peak_memory_stats()
    return run


def _rate(call, frames: int, seconds: float) -> float:
    """Frames a second over so many seconds, after four calls in which graphs are captured."""
    for _ in range(4):
        call()
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        call()
        calls += 1
    return round(calls * frames / (time.perf_counter() - start), 1)


if __name__ == "__main__":
    sys.exit(main())
