"""`facepose init`: a few questions, then a commented site file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import typer
from rich.console import Console
from rich.prompt import Confirm, Prompt

from schemas.errors import SettingsError, SiteFileError
from schemas.policy import PROFILES, describe_profiles
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

rooms:
{rooms}
# Lessons that are held every week, in local time. Without a timetable a meeting opens when
# students sit down and closes when they have left.
# timetable:
#   - {{id: maths-7a-mon, room: {first_room}, class: 7a, weekdays: [mon],
#      start: "08:30", end: "09:15", activity: lecture, from: 2026-09-01, until: 2027-06-30}}
#   activities: {activities}
"""

ROOM = """\
  - id: {room}
    name: {room}
    cameras:
{cameras}"""

CAMERA = """\
      - id: {camera}
        # A password comes from the environment: rtsp://user:${{CAMERA_PASSWORD}}@host/path
        # A film's path works too; add `loop: true` to repeat it.
        url: {url}
        analysis_fps: 5
        # Head direction, as this camera sees it, of somebody who faces the front (degrees;
        # yaw + = nose to image right, pitch + = up). Without it no score is written.
        # calibration: {{yaw_deg: 0, pitch_deg: -8}}
        # Where the centre of each student's face is, in fractions of width and height.
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
    name = name or Prompt.ask("Name of the school", default="My school", console=console)
    time_zone = time_zone or Prompt.ask("Time zone", default="Europe/Amsterdam", console=console)
    profile = profile or _ask_profile(console)
    rooms = _pairs(cameras) or _ask_cameras(console)
    text = render(path.name, str(name), str(time_zone), profile, rooms)
    try:
        parse_site(text, str(path))
    except SiteFileError as exc:
        raise SettingsError(f"those answers do not make a valid site file:\n{exc}") from exc
    path.write_text(text, encoding="utf-8")
    console.print(f"Wrote {path}. Next: look through it, then [bold]facepose check {path}[/bold]")


def render(
    file: str, name: str, time_zone: str, profile: str, cameras: Iterable[tuple[str, str]]
) -> str:
    """The text of a site file; `cameras` are pairs of room and url."""
    rooms: dict[str, list[str]] = {}
    for room, url in cameras:
        rooms.setdefault(slug(room), []).append(url)
    permitted = PROFILES.get(profile)
    locked = permitted is not None and permitted.expression == "locked"
    return TEMPLATE.format(
        file=file,
        site_id=slug(name),
        name=_quoted(name),
        time_zone=_quoted(time_zone),
        profile=_quoted(profile),
        expression="false" if locked or profile in {"demo", "research"} else "true",
        rooms="".join(_room(room, urls) for room, urls in rooms.items()),
        first_room=next(iter(rooms), "room-1"),
        activities="unknown lecture discussion seatwork exam groupwork break",
    )


def slug(text: str) -> str:
    """`text` as an id: lower case, letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:48] or "site"


def _room(room: str, urls: list[str]) -> str:
    cameras = "".join(
        CAMERA.format(camera=f"{room}-{number}", url=_quoted(url))
        for number, url in enumerate(urls, start=1)
    )
    return ROOM.format(room=room, cameras=cameras)


def _quoted(text: str) -> str:
    """`text` as a YAML scalar that means just that text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


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


def _ask_cameras(console: Console) -> list[tuple[str, str]]:
    cameras: list[tuple[str, str]] = []
    while True:
        room = Prompt.ask("Room", default=f"room-{len(cameras) + 1}", console=console)
        url = Prompt.ask("Its camera's RTSP address, or a film's path", console=console)
        cameras.append((room, url))
        if not Confirm.ask("Another camera?", default=False, console=console):
            return cameras
