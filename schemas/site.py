"""The site file: policy, rooms, cameras, seats and timetable of one school.

Read by `site_file.load_site`. Polygons are fractions (0..1) of the picture's width and height, so
that they hold for a camera's main stream and its sub-stream.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from schemas.analysis import DetectionPlan, ModelChoices
from schemas.placeholders import PLACEHOLDER, filled
from schemas.policy import PolicyRules, resolve
from schemas.site_reports import MailServer, Reports
from schemas.site_retention import Retention
from schemas.slugs import Slug

ACTIVITIES: Final = (
    "unknown",
    "lecture",
    "discussion",
    "seatwork",
    "exam",
    "groupwork",
    "break",
)
NETWORK_SCHEMES: Final = ("rtsp", "rtsps", "http", "https")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Fraction = Annotated[float, Field(ge=0, le=1)]
Activity = Literal["unknown", "lecture", "discussion", "seatwork", "exam", "groupwork", "break"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Calibration(_Part):
    """Head direction, as the camera sees it, of somebody who faces the front, in degrees."""

    yaw_deg: float = Field(ge=-180, lt=180, description="+ = nose to image right")
    pitch_deg: float = Field(ge=-90, le=90, description="+ = up")


def _check_url(url: str) -> str:
    parts = urlsplit(PLACEHOLDER.sub("x", url))
    if len(parts.scheme) > 1 and parts.scheme not in {*NETWORK_SCHEMES, "file"}:
        raise ValueError(
            f"{parts.scheme!r} is not supported: use rtsp, rtsps, http, https or a film's path"
        )
    password = urlsplit(url).password if parts.scheme in NETWORK_SCHEMES else None
    if password and not PLACEHOLDER.fullmatch(password):
        raise ValueError(
            "a password must not stand in the site file: write "
            "rtsp://USER:${CAMERA_PASSWORD}@HOST/… and set CAMERA_PASSWORD in the environment"
        )
    return url


def _check_polygon(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    twice_area = sum(
        x0 * y1 - x1 * y0
        for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True)
    )
    if abs(twice_area) < 1e-6:
        raise ValueError("the polygon has no area")
    return points


class Seat(_Part):
    """One seat in one camera's picture: where the centre of the student's face is."""

    polygon: Annotated[
        tuple[tuple[Fraction, Fraction], ...],
        Field(min_length=3, max_length=32),
        AfterValidator(_check_polygon),
    ]
    calibration: Calibration | None = None


Seats = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=32)], Seat], Field(max_length=500)
]


class DatedSeats(_Part):
    """A seat plan that replaces a camera's `seats` from a day (the site's local date) on."""

    valid_from: dt.date = Field(alias="from")
    seats: Seats


Url = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_check_url)]


class Camera(_Part):
    """One camera, or a film that is played as if it were one.

    Attributes:
        url: the main stream: `rtsp`, `rtsps`, `http`, `https` (MJPEG or HLS), or a film's path.
        sub_url: the camera's smaller stream, read when `stream` is `sub`.
        transport: how RTSP carries pictures; `udp` loses what the network loses.
        verify_tls: whether the certificate of `rtsps` or `https` must be a trusted one.
        hardware: decoder; in software where it cannot be had.
        region: left, top, right, bottom in fractions of the picture; only this part is sent on.
        loop: films only.
    """

    id: Slug
    url: Url
    sub_url: Url | None = None
    stream: Literal["main", "sub"] = "main"
    transport: Literal["tcp", "udp"] = "tcp"
    verify_tls: bool = True
    hardware: Literal["none", "cuda", "qsv"] = "none"
    region: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    enabled: bool = True
    analysis_fps: float = Field(default=5.0, gt=0, le=30)
    loop: bool = False
    calibration: Calibration | None = None
    detection: DetectionPlan = DetectionPlan()
    seats: Seats = Field(default_factory=dict)
    seat_plans: tuple[DatedSeats, ...] = Field(default=(), max_length=100)

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        days = [plan.valid_from for plan in self.seat_plans]
        if days != sorted(set(days)):
            raise ValueError("`seat_plans` begin on different days, the earliest first")
        if self.stream == "sub" and self.sub_url is None:
            raise ValueError("`stream: sub` needs `sub_url`, the address of the smaller stream")
        if self.region is not None:
            left, top, right, bottom = self.region
            if left >= right or top >= bottom:
                raise ValueError("a region is [left, top, right, bottom] with left < right")
            if self.detection.regions:
                raise ValueError(
                    "`region` cuts the picture before it is sent, `detection.regions` would be "
                    "parts of what is left: use one of them"
                )
        return self

    @property
    def active_url(self) -> str:
        """The url of the stream that is read, placeholders unfilled."""
        return self.sub_url if self.stream == "sub" and self.sub_url else self.url

    @property
    def is_film(self) -> bool:
        """Whether the url is a film's path and not a network camera."""
        return not self.active_url.startswith(tuple(f"{scheme}://" for scheme in NETWORK_SCHEMES))

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Names of the environment variables that the url needs."""
        return tuple(PLACEHOLDER.findall(self.active_url))

    def resolved_url(self, environ: Mapping[str, str] = os.environ) -> str:
        """The url with its `${NAME}` placeholders filled. A secret: never log it.

        Raises:
            SettingsError: a named environment variable is not set.
        """
        return filled(self.active_url, environ, f"camera {self.id!r}")


class Room(_Part):
    """A room and the cameras in it."""

    id: Slug
    name: str = Field(default="", max_length=200)
    capacity: int | None = Field(default=None, ge=1, le=1000)
    cameras: tuple[Camera, ...] = Field(min_length=1, max_length=31)

    @property
    def seat_labels(self) -> tuple[str, ...]:
        """Labels of all seats that any of the room's cameras sees on any day, sorted."""
        plans = [
            seats
            for camera in self.cameras
            for seats in (camera.seats, *(plan.seats for plan in camera.seat_plans))
        ]
        return tuple(sorted({label for seats in plans for label in seats}))


class TimetableRule(_Part):
    """A lesson that is held every week, in the site's local time."""

    id: Slug
    room: Slug
    weekdays: tuple[Weekday, ...] = Field(min_length=1, max_length=7)
    start: dt.time
    end: dt.time
    class_id: Slug | None = Field(default=None, alias="class")
    activity: Activity = "unknown"
    valid_from: dt.date | None = Field(default=None, alias="from")
    valid_until: dt.date | None = Field(default=None, alias="until")

    @field_validator("start", "end", mode="before")
    @classmethod
    def _quoted_time(cls, value: object) -> object:
        if isinstance(value, int):  # YAML reads an unquoted 10:30 as 630
            raise ValueError('write the time in quotes, like "08:30"')  # noqa: TRY004  pydantic's own
        return value

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("the lesson ends before it starts")
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("'until' lies before 'from'")
        return self


class CalendarFile(_Part):
    """An iCalendar file (.ics) whose events are lessons of one room.

    Attributes:
        path: of the file, relative to the site file's folder.
        room: the room of its events.
        class_id: of its events; where it is missing, the event's own CATEGORIES name the class.
        activity: of its events.
    """

    path: str = Field(min_length=1, max_length=1000)
    room: Slug
    class_id: Slug | None = Field(default=None, alias="class")
    activity: Activity = "unknown"


class Seating(_Part):
    """From a day on a class sits anew in a room: each of its seats is another student."""

    room: Slug
    class_id: Slug = Field(alias="class")
    valid_from: dt.date = Field(alias="from")


class Policy(_Part):
    """The profile, and where the site is stricter than it."""

    profile: str
    per_student: bool | None = None
    expression: bool | None = None
    k: int | None = Field(default=None, ge=1, le=100)

    @model_validator(mode="after")
    def _check_permitted(self) -> Self:
        self.rules()
        return self

    def rules(self) -> PolicyRules:
        """What is in force."""
        return resolve(
            self.profile, per_student=self.per_student, expression=self.expression, k=self.k
        )


class SiteInfo(_Part):
    """The school itself."""

    id: Slug
    name: str = Field(default="", max_length=200)
    time_zone: str

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"{name!r} is not a time zone; use a name like Europe/Amsterdam"
            ) from None
        return name


class Site(_Part):
    """A whole site file."""

    version: Literal[1]
    site: SiteInfo
    policy: Policy
    rooms: tuple[Room, ...] = Field(min_length=1, max_length=10_000)
    timetable: tuple[TimetableRule, ...] = Field(default=(), max_length=100_000)
    calendars: tuple[CalendarFile, ...] = Field(default=(), max_length=10_000)
    seatings: tuple[Seating, ...] = Field(default=(), max_length=100_000)
    models: ModelChoices = ModelChoices()
    retention: Retention = Retention()
    reports: Reports = ()
    mail: MailServer | None = None

    @field_validator("policy", mode="before")
    @classmethod
    def _short_policy(cls, value: object) -> object:
        return {"profile": value} if isinstance(value, str) else value

    @property
    def rules(self) -> PolicyRules:
        """The policy in force."""
        return self.policy.rules()

    @property
    def time_zone(self) -> ZoneInfo:
        """The site's zone."""
        return ZoneInfo(self.site.time_zone)

    def cameras(self) -> Iterator[tuple[Room, Camera]]:
        """Every enabled camera with its room."""
        for room in self.rooms:
            for camera in room.cameras:
                if camera.enabled:
                    yield room, camera

    def room(self, room_id: str) -> Room | None:
        """The room of that id."""
        return next((room for room in self.rooms if room.id == room_id), None)
