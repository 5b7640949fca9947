"""`facepose check`: everything that a start needs, and what to do about what is missing."""

from __future__ import annotations

import datetime as dt
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import redis
import sqlalchemy as sa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.local.stack import state_folder
from schemas.database import create_engine, current_revision, head_revision
from schemas.errors import FacePoseError, SiteFileError
from schemas.settings import Settings
from schemas.site import Camera, Site
from schemas.site_file import load_site
from schemas.transport import connect
from workers import weights

LEAST_FREE_GB: Final = 2.0
CLOCK_TOLERANCE_S: Final = 0.5
CONNECT_TIMEOUT_S: Final = 5.0

Verdict = Literal["ok", "warning", "failed"]
STYLES: Final[dict[Verdict, str]] = {"ok": "green", "warning": "yellow", "failed": "red"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    text: str


def run_check(site_path: Path, settings: Settings, console: Console) -> bool:
    """Print all findings; returns whether nothing failed."""
    findings = list(_findings(site_path, settings))
    table = Table("what", "verdict", "finding", title=f"facepose check {site_path.name}")
    for finding in findings:
        verdict = f"[{STYLES[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(finding.what, verdict, escape(finding.text))
    console.print(table)
    return all(finding.verdict != "failed" for finding in findings)


def _findings(site_path: Path, settings: Settings) -> Iterator[Finding]:
    try:
        site = load_site(site_path)
    except SiteFileError as exc:
        yield Finding("site file", "failed", str(exc))
        return
    yield from check_site(site)
    for _room, camera in site.cameras():
        yield check_camera(camera, site_path.parent)
    yield check_weights(site)
    yield check_device(settings)
    yield check_disk(state_folder(site_path, settings))
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


def check_camera(camera: Camera, folder: Path) -> Finding:
    """Whether the film is there, or the camera's port answers; not what it shows."""
    what = f"camera {camera.id}"
    try:
        url = camera.resolved_url()
    except FacePoseError as exc:
        return Finding(what, "failed", str(exc))
    if camera.is_film:
        film = folder / url.removeprefix("file://")
        return (
            Finding(what, "ok", "film found")
            if film.is_file()
            else Finding(what, "failed", f"there is no film at {film}")
        )
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 554
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT_S).close()
    except OSError as exc:
        hint = "is it switched on, and may this machine reach it?"
        return Finding(what, "failed", f"{host}:{port} does not answer ({exc}): {hint}")
    return Finding(what, "ok", f"{host}:{port} answers")


def check_weights(site: Site) -> Finding:
    """Whether every network's weights that the policy needs are here."""
    needed = ["yunet", "face_landmarker", *(["mini_xception"] if site.rules.expression else [])]
    missing = [
        s.entry.name for s in weights.verify(needed) if s.state != weights.WeightsState.READY
    ]
    if missing:
        return Finding(
            "weights", "failed", f"not here: {', '.join(missing)}; run `facepose weights pull`"
        )
    return Finding("weights", "ok", ", ".join(needed))


def check_device(settings: Settings) -> Finding:
    """What the networks will run on."""
    import torch  # noqa: PLC0415  heavy, and only this check needs it

    if torch.cuda.is_available():
        return Finding("device", "ok", f"GPU {torch.cuda.get_device_name(0)}")
    if settings.device == "cuda":
        return Finding("device", "failed", "FACEPOSE_DEVICE is cuda, but torch sees no GPU")
    return Finding("device", "ok", f"no GPU; CPU with {settings.threads} thread(s) a worker")


def check_disk(folder: Path) -> Finding:
    """Room for the embedded servers."""
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    if free_gb < LEAST_FREE_GB:
        return Finding("disk", "failed", f"{free_gb:.1f} GB free at {existing}: make room")
    return Finding("disk", "ok", f"{free_gb:.0f} GB free at {existing}")


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Both Redis servers: reachable, and with the persistence that their data needs."""
    frames = settings.frames_url or settings.redis_url
    faces = settings.faces_url or settings.redis_url
    if frames is None or faces is None:
        yield Finding("redis", "ok", "FRAMES_URL, FACES_URL not set: embedded servers will be used")
        return
    yield _reach("frames server", lambda: _frames_words(connect(frames.get_secret_value())))
    if settings.faces_url is None:
        yield Finding(
            "faces server",
            "warning",
            "REDIS_URL alone serves both: observations that are not yet in PostgreSQL (the newest "
            "seconds) are lost when Redis crashes; set FACES_URL to a server with appendonly yes",
        )
        return
    yield _reach("faces server", lambda: _faces_words(connect(faces.get_secret_value())))


def check_database(settings: Settings) -> Iterator[Finding]:
    """PostgreSQL: reachable, tables of this version, a clock that agrees with ours."""
    if settings.database_url is None:
        yield Finding("database", "ok", "DATABASE_URL not set: an embedded server will be used")
        return
    url = settings.require_database_url()

    def words() -> tuple[Verdict, str]:
        with create_engine(url, pooled=False).connect() as connection:
            now = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
            version = connection.execute(sa.text("SHOW server_version")).scalar_one()
            revision = current_revision(connection)
        offset_s = abs((now - dt.datetime.now(dt.UTC)).total_seconds())
        if offset_s > CLOCK_TOLERANCE_S:
            return "failed", f"its clock differs from ours by {offset_s:.1f} s: set up NTP"
        if revision != head_revision():
            return "warning", f"PostgreSQL {version}; run `facepose db upgrade`"
        return "ok", f"PostgreSQL {version}, tables at {revision}, clocks agree"

    yield _reach("database", words)


def _reach(what: str, look: Callable[[], tuple[Verdict, str]]) -> Finding:
    try:
        verdict, text = look()
    except (redis.RedisError, sa.exc.SQLAlchemyError, FacePoseError, OSError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        return Finding(what, "failed", f"cannot be used ({reason}): check the url and the server")
    return Finding(what, verdict, text)


def _frames_words(client: redis.Redis) -> tuple[Verdict, str]:
    appendonly, save = _setting(client, "appendonly"), _setting(client, "save")
    if appendonly == "yes" or save:
        return "warning", "it writes to disk: frames must not (set save '' and appendonly no)"
    return "ok", f"reachable, persistence off{_unknown(appendonly)}"


def _faces_words(client: redis.Redis) -> tuple[Verdict, str]:
    appendonly = _setting(client, "appendonly")
    if appendonly == "no":
        return "warning", "no append-only file: a crash loses the newest observations"
    return "ok", f"reachable, append-only file on{_unknown(appendonly)}"


def _setting(client: redis.Redis, name: str) -> str | None:
    try:
        values = client.config_get(name)
    except redis.ResponseError:  # a managed server hides its configuration
        return None
    return next((str(v) for v in values.values()), None)


def _unknown(setting: str | None) -> str:
    return " (the server does not tell)" if setting is None else ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"
