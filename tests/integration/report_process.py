"""A scheduler in a process of its own, so that it can be killed and race with another one.

python -m tests.integration.report_process DATABASE_URL SITE.json FOLDER NOW LEASE_S
"""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from aggregator.reports.scheduler import ReportScheduler
from schemas.database import create_engine
from schemas.fault_points import VARIABLE, order_path
from schemas.site import Site
from tests.integration.report_school import Clock, build, render

ROOT = Path(__file__).resolve().parents[2]
IDLE_ROUNDS = 10
PAUSE_S = 0.05


def start(
    url: str,
    site: Site,
    folder: Path,
    now: dt.datetime,
    *,
    lease_s: float = 1.0,
    die_at: str = "",
    go: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start one; `die_at` names the fault point at which it ends, `go` a file that it waits for."""
    site_path = folder / f"site-{uuid.uuid4().hex}.json"
    site_path.write_text(site.model_dump_json(by_alias=True))
    orders = folder / f"orders-{uuid.uuid4().hex}"
    orders.mkdir()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    if die_at:
        environ[VARIABLE] = str(orders)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.integration.report_process"),
            *(url, str(site_path), str(folder), now.isoformat(), str(lease_s), str(go or "")),
        ],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    if die_at:
        order_path(orders, process.pid, die_at).touch()
    return process


def main(url: str, site_path: str, folder: str, now: str, lease_s: str, go: str) -> None:
    engine = create_engine(url)
    site = Site.model_validate_json(Path(site_path).read_bytes())
    scheduler = ReportScheduler(
        engine,
        site,
        Path(folder),
        build,
        render,
        holder=uuid.uuid4().hex,
        clock=Clock(dt.datetime.fromisoformat(now)),
        lease_s=float(lease_s),
    )
    while go and not Path(go).exists():
        time.sleep(0.002)
    idle = 0
    while idle < IDLE_ROUNDS:
        idle = 0 if scheduler.step() else idle + 1
        time.sleep(PAUSE_S if idle else 0)
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
