"""A thousand reconnects leave nothing behind: the soak, run as people run it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from deploy.cli import app

CAUSES = {"dropped", "unreachable", "unauthorized", "busy", "silent"}
MOST_MB_AN_HOUR = 1.0


@pytest.mark.slow
def test_a_thousand_reconnects_hang_no_reader_and_leave_no_memory_thread_or_descriptor() -> None:
    """Memory is extrapolated: its growth a reconnect, at the rate of a camera that fails for ever.

    In service such a camera is tried every 15 to 30 s, here after a tenth of a second. What a
    reconnect leaves behind does not depend on the wait before it. So growth in an hour is the
    slope of resident memory over the reconnects, once warm, times the 240 that an hour can hold.
    """
    done = CliRunner().invoke(app, ["bench", "soak", "--reconnects", "1000", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["reconnects"] >= 1000
    assert set(report["causes"]) >= CAUSES
    assert report["published"] > 500  # many of the connections gave pictures before they ended
    assert report["hangs"] == 0
    assert report["threads"][0] == report["threads"][1]
    assert report["fds"][0] == report["fds"][1]
    assert report["mb_per_hour"]["slope"] < MOST_MB_AN_HOUR
