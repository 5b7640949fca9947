"""`facepose init`: a few questions, then a commented site file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import typer
import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.prompt import Confirm, Prompt

from schemas.errors import SettingsError, SiteFileError
from schemas.policy import PROFILES, describe_profiles
from schemas.site import Camera, SiteInfo
from schemas.site_file import parse_site

TEMPLATE = """\
# Site file of FacePose Classroom. Check it with: facepose check {file}
version: 1

site:
  id: {site_id}  # used in ids; do not change it later
  name: {name}
  time_zone: {time_zone}  # of reports and timetable; storage is UTC

# What may be measured and stored. Required: nothing is silently on or off.
# A site may be stricter than its profile, never looser.
policy:
  profile: {profile}
  # per_student: false  # stricter: class figures only
  # expression: {expression}  # the seven basic expressions
  # k: 10  # smallest group shown in group figures
# For how many days figures are kept; these are the defaults.
# retention: {{windows_days: 45, student_minutes_days: 120, summaries_days: 400,
#             class_minutes_days: 400, lessons_days: 400, camera_minutes_days: 90,
#             events_days: 400, audit_days: 1095, report_files_days: 400}}

rooms:
{rooms}
# Lessons that are held every week, in local time. Without a timetable a meeting opens when
# students sit down and closes when they have left.
# timetable:
#   - {{id: maths-7a-mon, room: {first_room}, class: 7a, weekdays: [mon],
#      start: "08:30", end: "09:15", activity: lecture, from: 2026-09-01, until: 2027-06-30}}
#   activities: {activities}

# Reports that arrive by themselves. Recipients: a folder, mailto:NAME@HOST (needs `mail:`), or a
# webhook's https:// address. `cron` is in the site's time zone; docs/reports.md has all kinds.
# mail: {{host: smtp.example.org, security: starttls, user: "${{MAIL_USER}}",
#        password: "${{MAIL_PASSWORD}}", from: reports@example.org}}
# reports:
#   - {{id: weekly, kind: weekly_site, cron: "0 6 * * 1", formats: [pdf, html],
#      recipients: [reports, "mailto:head@example.org"]}}
"""

ROOM = """\
  - id: {room}
    name: {name}
    cameras:
{cameras}"""

CAMERA = """\
      - id: {camera}
        # A password comes from the environment: rtsp://user:${{CAMERA_PASSWORD}}@host/path
        # A film's path works too; add `loop: true` to repeat it.
        url: {url}
        analysis_fps: 5
        # Head direction, as this camera sees it, of somebody who faces the front (degrees;
        # yaw + = nose to image right, pitch + = up). Without it the room learns it in three
        # lessons, or in 20 seconds with `facepose calibrate`; until then no score is written.
        # calibration: {{yaw_deg: 0, pitch_deg: -8}}
        # Where the centre of each student's face is, in fractions of width and height. Without
        # it seats are found; `facepose seats` prints them as such a block.
        # seats:
        #   A1: {{polygon: [[0.10, 0.20], [0.25, 0.20], [0.25, 0.45], [0.10, 0.45]]}}
"""


def run_init(
    path: Path,
    profile: str | None,
    time_zone: str | None,
    name: str | None,
    cameras: list[str],
    force: bool,
    console: Console,
) -> None:
    """Ask for what the options leave open and write the file.

    Raises:
        SettingsError: the file exists, or an answer cannot be used.
    """
    if path.exists() and not force:
        raise SettingsError(f"{path} exists already; choose another name or use --force")
    name = name or str(Prompt.ask("Name of the school", default="My school", console=console))
    time_zone = time_zone or _ask_time_zone(console)
    profile = profile or _ask_profile(console)
    rooms = _pairs(cameras) or _ask_cameras(console)
    text = render(path.name, name, time_zone, profile, rooms)
    try:
        parse_site(text, str(path))
    except SiteFileError as exc:
        raise SettingsError(f"those answers do not make a valid site file:\n{exc}") from exc
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise SettingsError(f"{path} cannot be written: {exc.strerror}") from exc
    console.print(
        f"Wrote {path}. Next: look through it, then run\n  facepose check {path}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def render(
    file: str, name: str, time_zone: str, profile: str, cameras: Iterable[tuple[str, str]]
) -> str:
    """The text of a site file; `cameras` are pairs of room and url."""
    urls: dict[str, list[str]] = {}
    for room, url in cameras:
        urls.setdefault(room.strip(), []).append(url)
    ids = room_ids(urls)
    permitted = PROFILES.get(profile)
    locked = permitted is not None and permitted.expression == "locked"
    return TEMPLATE.format(
        file=file,
        site_id=_plain(slug(name, "site")),
        name=_quoted(name),
        time_zone=_quoted(time_zone),
        profile=_quoted(profile),
        expression="false" if locked or profile in {"demo", "research"} else "true",
        rooms="".join(_room(ids[room], room, its) for room, its in urls.items()),
        first_room=_plain(next(iter(ids.values()), "room-1")),
        activities="unknown lecture discussion seatwork exam groupwork break",
    )


def slug(text: str, otherwise: str) -> str:
    """`text` as an id: lower case, letters, digits and dashes; `otherwise` if none is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower())[:48].strip("-") or otherwise


def room_ids(names: Iterable[str]) -> dict[str, str]:
    """An id for each room's name, no id twice: names in other scripts leave nothing for a slug."""
    ids: dict[str, str] = {}
    for name in names:
        wanted, number = slug(name, "room"), 2
        chosen = wanted
        while chosen in ids.values():
            chosen, number = f"{wanted}-{number}", number + 1
        ids[name] = chosen
    return ids


def _room(room_id: str, name: str, urls: list[str]) -> str:
    cameras = "".join(
        CAMERA.format(camera=_plain(f"{room_id}-{number}"), url=_quoted(url))
        for number, url in enumerate(urls, start=1)
    )
    return ROOM.format(room=_plain(room_id), name=_quoted(name), cameras=cameras)


def _quoted(text: str) -> str:
    """`text` as a YAML scalar that means just that text."""
    scalar: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return scalar.strip()


def _plain(text: str) -> str:
    """An id without quotes, where YAML does not read a number, a date or a yes in it."""
    return text if yaml.safe_load(text) == text else _quoted(text)


def _pairs(cameras: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in cameras:
        room, found, url = text.partition("=")
        if not found or not room or not url:
            raise typer.BadParameter(f"expected ROOM=URL, got {text!r}", param_hint="--camera")
        pairs.append((room, url))
    return pairs


def _ask_profile(console: Console) -> str:
    console.print("Policy profiles:\n" + describe_profiles(), highlight=False)
    return Prompt.ask("Which one", choices=list(PROFILES), console=console)


def _ask_time_zone(console: Console) -> str:
    return _ask_until(
        lambda: str(Prompt.ask("Time zone", default="Europe/Amsterdam", console=console)),
        lambda zone: SiteInfo(id="site", time_zone=zone),
        console,
    )


def _ask_cameras(console: Console) -> list[tuple[str, str]]:
    cameras: list[tuple[str, str]] = []
    while True:
        room = str(Prompt.ask("Room", default=f"room-{len(cameras) + 1}", console=console))
        url = _ask_until(
            lambda: Prompt.ask("Its camera's RTSP address, or a film's path", console=console),
            lambda text: Camera(id="camera", url=text),
            console,
        )
        cameras.append((room, url))
        if not Confirm.ask("Another camera?", default=False, console=console):
            return cameras


def _ask_until(ask: Callable[[], str], check: Callable[[str], object], console: Console) -> str:
    """Ask again while the answer would make a wrong site file: each answer costs typing."""
    while True:
        answer = ask()
        try:
            check(answer)
        except ValidationError as exc:
            for error in exc.errors(include_url=False, include_input=False):
                console.print(_reason(error), style="red", markup=False, highlight=False)
        else:
            return answer


def _reason(error: Mapping[str, object]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")
