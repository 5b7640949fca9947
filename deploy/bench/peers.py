"""This project's analyser against its rivals: same pictures, same core, in turn.

The rivals' programs lie in `tests/bench/peers`, each written as its users would. They run in an
interpreter of their own, as their demands contradict this program's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from deploy.bench.contestant import Answer, Contestant
from deploy.bench.errors import BenchError
from schemas.analysis import PRECISIONS, ModelChoices
from workers.weights import cache_folder

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAMS: Final = ROOT / "tests" / "bench" / "peers"
REQUIREMENTS: Final = Path(__file__).with_name("peers.txt")
RIVALS: Final = ("yunet_mediapipe", "dlib_68", "dlib_68_large_faces", "mtcnn")
SEED: Final = "seed"
OURS: Final = tuple(f"ours_{precision}" for precision in PRECISIONS)
INSTALL_HINT: Final = "facepose bench peers"
_LEAST_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class PeerResult:
    """Medians over all pictures and rounds: faces found, milliseconds a picture.

    Attributes:
        faces: found in a picture.
        ms: by the clock.
        cpu_ms: on the processor; the better figure where others use the machine too.
        ms_quartiles: a quarter of the pictures took less than the first, more than the second.
    """

    faces: float
    ms: float
    cpu_ms: float
    ms_quartiles: tuple[float, float]

    def face_cpu_ms(self) -> float:
        """Processor time for one face that was found."""
        return self.cpu_ms / max(self.faces, 1.0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and who could not take part and why."""

    results: dict[str, PeerResult]
    absent: dict[str, str]


def peers_python() -> Path:
    """Where `install_peers` puts the rivals' interpreter."""
    return cache_folder() / "peers" / "bin" / "python"


def install_peers() -> Path:
    """Make the rivals' interpreter, which also sees this program's packages; return it.

    Raises:
        BenchError: a package cannot be installed.
    """
    python = peers_python()
    folder = python.parents[1]
    venv.create(folder, with_pip=True, clear=True)
    site = next(folder.glob("lib/python*/site-packages"))
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (site / "shared.pth").write_text("\n".join(shared) + "\n", encoding="utf-8")
    install = [
        os.fspath(python),
        "-m",
        "pip",
        "install",
        "--no-deps",
        "-r",
        os.fspath(REQUIREMENTS),
    ]
    if subprocess.run(install, check=False).returncode:
        raise BenchError("the rivals could not be installed: see pip's words above")
    return python


def compare(
    pictures: Path, models: ModelChoices, python: Path, *, seconds: float, core: int
) -> Comparison:
    """Let everybody who can be started analyse the pictures in turn.

    Args:
        pictures: folder of JPEGs.
        models: our networks; both precisions take part.
        python: the rivals' interpreter.
        seconds: to measure for, all together.
        core: the one that all share, one after the other.

    Raises:
        BenchError: the rivals' programs are not here, or ours ended.
    """
    if not PROGRAMS.is_dir():
        raise BenchError("--peers needs a checkout of the repository: the rivals are in its tests/")
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        contestants: list[Contestant] = []
        for name in (*OURS, SEED, *RIVALS):
            try:
                contestant = stack.enter_context(_start(name, pictures, models, python, core))
            except (BenchError, FileNotFoundError) as exc:
                if name in OURS:
                    raise
                absent[name] = f"{exc}; to install the rivals: {INSTALL_HINT}"
            else:
                contestants.append(contestant)
        answers = _in_turn(contestants, sorted(pictures.glob("*.jpg")), seconds)
    return Comparison({name: summary(said) for name, said in answers.items()}, absent)


def summary(answers: Sequence[Answer]) -> PeerResult:
    """Return the medians of at least one answer."""
    low, ms, high = (float(v) for v in np.percentile([a.ms for a in answers], (25, 50, 75)))
    return PeerResult(
        faces=float(np.median([a.faces for a in answers])),
        ms=ms,
        cpu_ms=float(np.median([a.cpu_ms for a in answers])),
        ms_quartiles=(low, high),
    )


def ratios(results: dict[str, PeerResult], ours: str) -> dict[str, float]:
    """How many times faster we are: per picture; against the seed, which has one face, per face.

    Processor times are compared: all are on one core, and others' work does not enter.
    """
    mine = results[ours]
    return {
        name: (
            result.face_cpu_ms() / mine.face_cpu_ms()
            if name == SEED
            else result.cpu_ms / mine.cpu_ms
        )
        for name, result in results.items()
        if name not in OURS
    }


def _start(name: str, pictures: Path, models: ModelChoices, python: Path, core: int) -> Contestant:
    ours = name in OURS
    precision = name.rpartition("_")[2] if ours else models.precision
    interpreter = python if name in RIVALS else Path(sys.executable)
    program = PROGRAMS / ("ours.py" if ours else f"{name}.py")
    chosen = models.model_copy(update={"precision": precision})
    return Contestant(
        name,
        [*map(os.fspath, (interpreter, program, cache_folder() / "weights", pictures))],
        core=core,
        environment={"BENCH_MODELS": chosen.model_dump_json(), "PYTHONPATH": os.fspath(ROOT)},
    )


def _in_turn(
    contestants: Sequence[Contestant], pictures: Sequence[Path], seconds: float
) -> dict[str, list[Answer]]:
    answers: dict[str, list[Answer]] = {contestant.name: [] for contestant in contestants}
    end_s = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < end_s or rounds < _LEAST_ROUNDS:
        for contestant in contestants:
            picture = pictures[rounds % len(pictures)]
            answers[contestant.name].append(contestant.analyse(picture))
        rounds += 1
    return answers
