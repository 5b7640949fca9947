"""How the bench asks a program that reads cameras: a JSON line of counters for each line it reads.

A program takes its task from BENCH_TASK, reads each camera in a thread of its own, says
{"ready": …} once all cameras give pictures, and ends with its input. Counters only grow: processor
seconds of the process, sampled frames, and whatever else it knows of itself.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Task(NamedTuple):
    urls: list[str]
    frames_url: str
    camera_fps: int
    analysis_fps: float
    jpeg_quality: int


TASK = Task(**json.loads(os.environ.pop("BENCH_TASK")))
EVERY = round(TASK.camera_fps / TASK.analysis_fps)


def serve(counts: Callable[[], list[int]], more: Callable[[], dict[str, Any]] = dict) -> None:
    """Answer until the input ends; `counts` gives each camera's sampled frames."""
    answers, sys.stdout = sys.stdout, sys.stderr
    while not all(counts()):
        time.sleep(0.05)
    answer: dict[str, Any] = {"ready": len(counts())}
    while True:
        print(json.dumps(answer), file=answers, flush=True)
        if not sys.stdin.readline():
            os._exit(0)  # threads that read cameras cannot be stopped
        answer = {"cpu_s": time.process_time(), "sampled": sum(counts()), **more()}


def read_all(read: Callable[[int, list[int]], None]) -> None:
    """Read every camera in a thread; `read` takes its number, and counts in the list."""
    sampled = [0] * len(TASK.urls)
    for number in range(len(TASK.urls)):
        threading.Thread(target=read, args=(number, sampled), daemon=True).start()
    serve(lambda: sampled)
