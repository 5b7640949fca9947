"""Everything is killed, again and again, in the middle of a lesson; every row is still right."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from deploy.chaos.run import ChaosOptions, chaos_school, run_chaos
from deploy.chaos.schedule import Target
from schemas.fault_points import IN_COMMIT
from schemas.settings import Settings

SHORT = 16  # two of each
LONG = 64  # eight of each; `facepose chaos --kills 200`, 19 minutes, is in docs/reliability.md


def assert_nothing_is_lost_or_doubled(report: dict) -> None:
    assert (report["lost"], report["doubled"], report["differing_rows"]) == (0, 0, 0), report
    assert report["log_forgotten"] == 0
    assert report["accounting_closes"], report["cameras"]
    for camera in report["cameras"]:
        assert camera["in_flight"] == 0
        assert camera["analysed"] > 0


@pytest.mark.timeout(600)
def test_a_lesson_with_sixteen_kills_loses_and_doubles_nothing(
    networks, service_environment, tmp_path
):
    options = ChaosOptions(SHORT, seed=3, pace_s=3.0, state=tmp_path / "state")
    settings = Settings()  # the urls in it are not used: only servers of its own are killed
    report = run_chaos(options, settings, chaos_school(), lambda what, kills: None).as_json()
    assert report["kills_by_target"] == {str(target): 2 for target in Target}
    assert report["seconds_expected"] > 100  # there was something to lose
    assert report["coverage"] > 0.3
    assert set(report["kills_by_point"]) & set(IN_COMMIT)
    assert_nothing_is_lost_or_doubled(report)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_lesson_with_sixty_four_kills_loses_and_doubles_nothing(
    networks, service_environment, tmp_path
):
    command = ["chaos", "--kills", str(LONG), "--seed", "1", "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "deploy", *command, "--state", str(tmp_path / "state")],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    report = json.loads(ended.stdout)
    assert ended.returncode == 0, report["failures"]
    assert report["kills"] == LONG
    assert report["coverage"] >= 0.6
    assert_nothing_is_lost_or_doubled(report)
