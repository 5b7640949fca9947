"""Reading a site file: all its mistakes at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from schemas import yaml_places
from schemas.calendars.files import read_calendar_bytes
from schemas.errors import CalendarError, SiteFileError
from schemas.policy import describe_profiles
from schemas.site import Policy, Site
from schemas.site_reports import report_mistakes

MAX_SITE_FILE_BYTES: Final = 8 << 20


def load_site(path: Path) -> Site:
    """Read and check a site file.

    Raises:
        SiteFileError: all mistakes at once, each with its line.
    """
    name = str(path)
    try:
        if path.stat().st_size > MAX_SITE_FILE_BYTES:
            raise SiteFileError(name, [f"larger than {MAX_SITE_FILE_BYTES >> 20} MiB"])
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SiteFileError(name, ["no such file; `facepose init` writes one"]) from None
    except (OSError, UnicodeDecodeError) as exc:
        raise SiteFileError(name, [f"cannot be read: {exc}"]) from exc
    return parse_site(text, name, path.parent)


def parse_site(text: str, name: str = "site.yaml", folder: Path | None = None) -> Site:
    """As `load_site`, from text; without a folder, the calendars' files are not looked for."""
    try:
        document, lines = yaml_places.parse(text)
    except yaml.YAMLError as exc:
        raise SiteFileError(name, [f"not YAML: {' '.join(str(exc).split())}"]) from exc
    if not isinstance(document, dict):
        raise SiteFileError(name, ["line 1: expected keys like 'site:' and 'rooms:'"])
    mistakes: list[tuple[int, str]] = []
    site: Site | None = None
    try:
        site = Site.model_validate(document)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False)
        places = [tuple(error["loc"]) for error in errors]
        mistakes += [
            (yaml_places.line_of(lines, place), _sentence(place, error["type"], error["msg"]))
            for place, error in zip(places, errors, strict=True)
            if not (error["type"] == "too_short" and _has_deeper(place, places))
        ]
    mistakes += [
        (yaml_places.line_of(lines, place), f"{_dotted(place)}: {text_}")
        for place, text_ in _relations(document)
    ]
    unusable = dict(_unusable_calendars(document, folder)) if folder else {}
    mistakes += [
        (yaml_places.line_of(lines, place), f"{_dotted(place)}: {error}")
        for place, error in unusable.items()
    ]
    if mistakes or site is None:
        raise SiteFileError(
            name,
            [f"line {line}: {text_}" for line, text_ in sorted(mistakes)],
            waits_for=[error.path for error in unusable.values()],
        )
    return site


def _has_deeper(place: yaml_places.Place, places: list[yaml_places.Place]) -> bool:
    """Whether something below `place` is wrong too: then its length is only a consequence."""
    return any(len(p) > len(place) and p[: len(place)] == place for p in places)


def _sentence(place: yaml_places.Place, kind: str, message: str) -> str:
    if place == ("policy",) and kind == "missing":
        return f"policy: is required: nothing is silently on or off; choose\n{describe_profiles()}"
    message = message.removeprefix("Value error, ")
    if kind == "extra_forbidden":
        message = "unknown key"
    return f"{_dotted(place)}: {message}"


def _dotted(place: yaml_places.Place) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _relations(document: Mapping[str, Any]) -> Iterator[tuple[yaml_places.Place, str]]:
    """Mistakes between parts, looked for in the raw document so that they show beside the rest."""
    rooms: dict[str, int] = {}
    cameras: dict[str, str] = {}
    for r, room in enumerate(_dicts(document.get("rooms"))):
        if (room_id := room.get("id")) in rooms:
            yield ("rooms", r, "id"), f"room {room_id!r} stands twice"
        rooms[str(room_id)] = r
        for c, camera in enumerate(_dicts(room.get("cameras"))):
            camera_id = str(camera.get("id"))
            if camera_id in cameras:
                yield (
                    ("rooms", r, "cameras", c, "id"),
                    f"camera {camera_id!r} stands twice (also in room {cameras[camera_id]!r}); "
                    "camera ids are unique in the whole site",
                )
            cameras[camera_id] = str(room_id)
    rules: set[str] = set()
    for t, rule in enumerate(_dicts(document.get("timetable"))):
        if (rule_id := str(rule.get("id"))) in rules:
            yield ("timetable", t, "id"), f"timetable rule {rule_id!r} stands twice"
        rules.add(rule_id)
        if str(rule.get("room")) not in rooms:
            yield ("timetable", t, "room"), f"there is no room {rule.get('room')!r}"
    for c, calendar in enumerate(_dicts(document.get("calendars"))):
        if str(calendar.get("room")) not in rooms:
            yield ("calendars", c, "room"), f"there is no room {calendar.get('room')!r}"
    yield from report_mistakes(document, per_student=_has_students(document.get("policy")))


def _has_students(policy: object) -> bool:
    """Whether the raw policy permits rows of single students; a wrong one is told elsewhere."""
    try:
        raw = {"profile": policy} if isinstance(policy, str) else policy
        return Policy.model_validate(raw).rules().per_student
    except ValidationError:
        return True


def _unusable_calendars(
    document: Mapping[str, Any], folder: Path
) -> Iterator[tuple[yaml_places.Place, CalendarError]]:
    """Calendars that are missing or are none; their events are read by who needs them."""
    for c, calendar in enumerate(_dicts(document.get("calendars"))):
        if isinstance(path := calendar.get("path"), str) and path:
            try:
                read_calendar_bytes(folder / path)
            except CalendarError as exc:
                yield ("calendars", c, "path"), exc


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
