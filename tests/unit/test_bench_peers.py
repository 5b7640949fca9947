"""How rivals are started, asked and given up, with small programs in their place."""

import os
import sys
from pathlib import Path

import pytest

from deploy.bench.contestant import Contestant
from deploy.bench.errors import BenchError
from deploy.bench.peers import PROGRAMS, RIVALS, SEED

ECHO = """
import os
from protocol import serve
serve(lambda weights: lambda data: len(os.sched_getaffinity(0)) * 100 + len(data))
"""


def start(tmp_path: Path, program: str, name: str = "echo") -> Contestant:
    (tmp_path / "pictures").mkdir(exist_ok=True)
    (tmp_path / "pictures" / "a.jpg").write_bytes(b"1234567")
    (tmp_path / "rival.py").write_text(program)
    (tmp_path / "protocol.py").write_text((PROGRAMS / "protocol.py").read_text())
    command = [sys.executable, str(tmp_path / "rival.py"), "weights", str(tmp_path / "pictures")]
    return Contestant(name, command, core=max(os.sched_getaffinity(0)), environment={})


def test_a_rival_answers_for_each_picture_on_one_core_only(tmp_path):
    mine = os.sched_getaffinity(0)
    with start(tmp_path, ECHO) as rival:
        answer = rival.analyse(tmp_path / "pictures" / "a.jpg")
    assert answer.faces == 107
    assert answer.ms >= 0
    assert os.sched_getaffinity(0) == mine


def test_a_rival_that_cannot_start_says_why(tmp_path):
    with pytest.raises(BenchError, match=r"echo ended: .*no_such_module"):
        start(tmp_path, "import no_such_module")


def test_a_rival_that_dies_says_why(tmp_path):
    dying = """
from protocol import serve
calls = []
def analyse(data):
    calls.append(data)
    return 1 // (2 - len(calls))
serve(lambda weights: analyse)
"""
    with start(tmp_path, dying) as rival, pytest.raises(BenchError, match="ZeroDivisionError"):
        rival.analyse(tmp_path / "pictures" / "a.jpg")


def test_a_talkative_rival_does_not_block(tmp_path):
    chatty = ECHO.replace("serve(", "import sys\nsys.stderr.write('x' * 300_000)\nserve(", 1)
    with start(tmp_path, chatty) as rival:
        assert rival.analyse(tmp_path / "pictures" / "a.jpg").faces == 107


def test_every_rival_has_its_program():
    assert {path.stem for path in PROGRAMS.glob("*.py")} == {*RIVALS, SEED, "ours", "protocol"}
