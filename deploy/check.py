"""`facepose check`: everything that a start needs, and what to do about what is missing."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.check_calendars import check_calendars
from deploy.check_cameras import Progress, check_cameras
from deploy.check_reports import check_reports
from deploy.check_servers import check_database, check_redis
from deploy.finding import Finding, Verdict
from deploy.local.stack import state_folder
from schemas.errors import SiteFileError
from schemas.settings import Settings
from schemas.site import Site
from schemas.site_file import load_site
from workers import choices, weights
from workers.engines import cpu_has_bf16
from workers.errors import WorkersError
from workers.gpu import has_cuda
from workers.user_weights import USER_FILES, read_user_weights

LEAST_FREE_GB: Final = 2.0

STYLES: Final[dict[Verdict, str]] = {"ok": "green", "warning": "yellow", "failed": "red"}


def run_check(
    site_path: Path, settings: Settings, console: Console, *, as_json: bool = False
) -> bool:
    """Print all findings, as a table or as one JSON object; returns whether nothing failed."""
    with console.status("reading the site file …") as status:

        def progress(done: int, cameras: int) -> None:
            status.update(f"looking at the cameras: {done} of {cameras} …")

        findings = list(_findings(site_path, settings, progress))
    passed = all(finding.verdict != "failed" for finding in findings)
    if as_json:
        told = {"passed": passed, "findings": [asdict(finding) for finding in findings]}
        console.print_json(data=told, indent=None)
        return passed
    table = Table("what", "verdict", "finding", title=escape(f"facepose check {site_path.name}"))
    for finding in findings:
        verdict = f"[{STYLES[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(escape(finding.what), verdict, escape(finding.text))
    console.print(table)
    console.print(conclusion(findings, site_path), markup=False, highlight=False, soft_wrap=True)
    return passed


def conclusion(findings: Sequence[Finding], site_path: Path) -> str:
    """What the findings mean for a start, in a line."""
    failed = sum(finding.verdict == "failed" for finding in findings)
    warnings = sum(finding.verdict == "warning" for finding in findings)
    if failed:
        return f"{failed} failed: see above what to do, then check again."
    heeded = f" ({warnings} warning{'s' if warnings > 1 else ''}: see above)" if warnings else ""
    return f"Ready{heeded}. Start with: facepose up {site_path}"


def _findings(site_path: Path, settings: Settings, progress: Progress) -> Iterator[Finding]:
    try:
        site = load_site(site_path)
    except SiteFileError as exc:
        yield Finding("site file", "failed", str(exc))
        return
    yield from check_site(site)
    yield from check_calendars(site, site_path.parent, dt.datetime.now(dt.UTC))
    yield from check_cameras(site, site_path.parent, settings, progress)
    yield check_weights(site)
    yield check_device(settings)
    yield from check_precision(site)
    yield check_disk(state_folder(site_path, settings))
    yield from check_reports(site, site_path.absolute().parent)
    yield from check_redis(settings)
    yield from check_database(settings)


def check_site(site: Site) -> Iterator[Finding]:
    """The file's content: policy in words, seats and calibrations that are still missing."""
    rules = site.rules
    cameras = sum(1 for _ in site.cameras())
    yield Finding("site file", "ok", f"rooms: {len(site.rooms)}, cameras: {cameras}")
    yield Finding(
        "policy",
        "ok",
        f"{rules.profile}: per student {_yes(rules.per_student)}, "
        f"expressions {_yes(rules.expression)}, smallest group {rules.k}",
    )
    for _room, camera in site.cameras():
        uncalibrated = [label for label, seat in camera.seats.items() if seat.calibration is None]
        if camera.calibration is None and (uncalibrated or not camera.seats):
            yield Finding(
                f"calibration of {camera.id}",
                "warning",
                "no calibration: its scores will be NULL (no_calibration); add "
                "`calibration: {yaw_deg: …, pitch_deg: …}` to the camera or its seats",
            )


def check_weights(site: Site) -> Finding:
    """Whether the weights of every chosen network are here."""
    try:
        needed = choices.weights_of(site.models, expression=site.rules.expression)
        for name in needed:
            if name in USER_FILES:
                read_user_weights(name)
    except WorkersError as exc:
        return Finding("weights", "failed", str(exc))
    pulled = [name for name in needed if name not in USER_FILES]
    states = weights.verify(pulled)
    missing = [s.entry.name for s in states if s.state != weights.WeightsState.READY]
    if missing:
        return Finding(
            "weights",
            "failed",
            f"not here: {', '.join(missing)}; run `facepose weights pull {' '.join(missing)}`",
        )
    return Finding("weights", "ok", ", ".join(needed))


def check_device(settings: Settings) -> Finding:
    """What the networks will run on."""
    import torch  # noqa: PLC0415  heavy, and only this check needs it

    if settings.device == "cpu":
        return Finding("device", "ok", f"CPU, as FACEPOSE_DEVICE says; {_threads(settings)}")
    if torch.cuda.is_available():
        return Finding("device", "ok", f"GPU {torch.cuda.get_device_name(0)}")
    if settings.device == "cuda":
        return Finding(
            "device",
            "failed",
            "FACEPOSE_DEVICE is cuda, but torch sees no GPU: "
            "install its driver, or unset FACEPOSE_DEVICE",
        )
    return Finding("device", "ok", f"CPU, there is no GPU; {_threads(settings)}")


def check_precision(site: Site) -> Iterator[Finding]:
    """Whether `fast` is any faster on this processor."""
    if site.models.precision == "fast" and not has_cuda() and not cpu_has_bf16():
        text = "this CPU has no bf16, so `precision: fast` is the same as `exact` here"
        yield Finding("precision", "warning", text)


def check_disk(folder: Path) -> Finding:
    """Room for the embedded servers."""
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    if free_gb < LEAST_FREE_GB:
        return Finding("disk", "failed", f"{free_gb:.1f} GB free at {existing}: make room")
    return Finding("disk", "ok", f"{free_gb:.0f} GB free at {existing}")


def _threads(settings: Settings) -> str:
    return f"{settings.threads} thread{'s' if settings.threads > 1 else ''} a worker"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
