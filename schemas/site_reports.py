"""The parts of a site file that say which reports are made, when, and to whom they go.

Cron expressions have five fields and are meant in the site's time zone. A report is due at most
once a day. Recipients are a folder's path, `mailto:` and an address, or a webhook's `https://…`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from itertools import islice, pairwise
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.placeholders import PLACEHOLDER, placeholder_names
from schemas.slugs import Slug

ReportKind = Literal[
    "daily_operations", "weekly_class", "weekly_site", "monthly", "term", "student"
]
ReportFormat = Literal["html", "pdf", "csv", "json"]
Channel = Literal["folder", "mail", "webhook"]

MAILTO: Final = "mailto:"
WEBHOOK: Final = "https://"
# A daily report is due on the mornings after Monday to Friday, a term's on the first after its end.
DEFAULT_CRON: Final[Mapping[object, str]] = {
    "daily_operations": "0 6 * * 2-6",
    "weekly_class": "0 6 * * 1",
    "weekly_site": "0 6 * * 1",
    "monthly": "0 6 1 * *",
    "term": "0 6 * * *",
    "student": "0 6 1 * *",
}
DEFAULT_PORT: Final = {"tls": 465, "starttls": 587}

_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
)
_ANY_DAY: Final = dt.datetime(2026, 1, 1)  # noqa: DTZ001  cron fields know no zone
_LEAST_APART: Final = dt.timedelta(hours=20)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _check_cron(expression: str) -> str:
    if len(expression.split()) != 5:
        raise ValueError(
            "a cron expression has 5 fields: minute, hour, day of the month, month, day of the "
            'week, like "0 6 * * 1"'
        )
    try:
        times = list(islice(CronSim(expression, _ANY_DAY), 100))
    except CronSimError as exc:
        raise ValueError(f"not a cron expression ({exc})") from None
    if not times:
        raise ValueError("no day is ever meant by this cron expression")
    if any(later - earlier < _LEAST_APART for earlier, later in pairwise(times)):
        raise ValueError("a report is due at most once a day: name one minute and one hour")
    return expression


def channel_of(recipient: str) -> Channel:
    """Which way a report goes to a recipient."""
    if recipient.startswith(MAILTO):
        return "mail"
    return "webhook" if recipient.startswith(WEBHOOK) else "folder"


def masked(recipient: str) -> str:
    """The recipient as it may stand in a log, a list or a metric."""
    channel = channel_of(recipient)
    if channel == "mail":
        name, _, domain = recipient.removeprefix(MAILTO).partition("@")
        return f"{MAILTO}{name[:1]}***@{domain}"
    if channel == "webhook":
        return f"{WEBHOOK}{_host(recipient)}/***"
    return recipient


def _host(url: str) -> str:
    """A webhook's host and port, as they stand in the site file."""
    return re.split(r"[/?#]", url.removeprefix(WEBHOOK), maxsplit=1)[0]


def _check_address(address: str) -> str:
    if len(address) > 254 or not _ADDRESS.fullmatch(address):
        raise ValueError(f"{address!r} is not a mail address; write NAME@HOST")
    return address


def _check_recipient(recipient: str) -> str:
    channel = channel_of(recipient)
    if channel == "mail":
        _check_address(recipient.removeprefix(MAILTO))
    elif channel == "webhook":
        _check_webhook(recipient)
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", recipient):
        raise ValueError(
            f"{recipient.partition(':')[0]!r} is not known here: write a folder's path, "
            "mailto:NAME@HOST or https://HOST/PATH"
        )
    if any(ord(letter) < 32 for letter in recipient):
        raise ValueError("control characters do not belong in a recipient")
    return recipient


def _check_webhook(url: str) -> None:
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("a webhook's address names no host; write https://HOST/PATH")
    if parts.username is not None or parts.password is not None:
        raise ValueError("user and password do not stand in a webhook's address; use ${NAME}")
    try:
        _ = urlsplit(PLACEHOLDER.sub("x", url)).port
    except ValueError:
        raise ValueError("the webhook's port is not a number") from None


def _check_secret(text: str) -> str:
    if not PLACEHOLDER.fullmatch(text):
        raise ValueError(
            'it must not stand in the site file: write "${MAIL_PASSWORD}" or the like, and set '
            "that variable in the environment"
        )
    return text


Cron = Annotated[str, AfterValidator(_check_cron)]
Recipient = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_recipient)]
Secret = Annotated[str, Field(max_length=200), AfterValidator(_check_secret)]


class Term(_Part):
    """A term: local days, both included."""

    name: Slug
    first: dt.date = Field(alias="from")
    last: dt.date = Field(alias="until")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.last < self.first:
            raise ValueError("'until' lies before 'from'")
        return self


class ReportDefinition(_Part):
    """One report: what, when, for whom.

    Attributes:
        kind: what it is about and the period that it covers.
        cron: when it is due, in the site's time zone; by default in the morning after its period.
        formats: of the files.
        recipients: where they go; none: they are kept in the database for `facepose report resend`.
        class_id: of `weekly_class`; narrows `monthly` and `term`.
        room: narrows `daily_operations`, `weekly_site`, `monthly` and `term`.
        student: pseudonym, of `student` alone.
        reason: why single students' figures are read; stands in the audit.
        terms: of `term`, one after the other.
    """

    id: Slug
    kind: ReportKind
    cron: Cron = ""
    formats: tuple[ReportFormat, ...] = Field(default=("pdf",), min_length=1, max_length=4)
    recipients: tuple[Recipient, ...] = Field(default=(), max_length=100)
    class_id: Slug | None = Field(default=None, alias="class")
    room: Slug | None = None
    student: UUID | None = None
    reason: str = Field(default="", max_length=500)
    terms: tuple[Term, ...] = Field(default=(), max_length=100)
    enabled: bool = True
    language: Literal["en"] = "en"

    @model_validator(mode="before")
    @classmethod
    def _usual_time(cls, values: Any) -> Any:  # noqa: ANN401  pydantic's own
        if isinstance(values, Mapping) and "cron" not in values:
            kind = values.get("kind")
            if isinstance(kind, str) and kind in DEFAULT_CRON:
                return {**values, "cron": DEFAULT_CRON[kind]}
        return values

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        mistakes = list(self._mistakes())
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _mistakes(self) -> Iterator[str]:
        for what, values in (("format", self.formats), ("recipient", self.recipients)):
            if len(set(values)) < len(values):
                yield f"a {what} stands twice"
        if self.kind == "weekly_class" and self.class_id is None:
            yield "a weekly_class report needs `class`"
        if (self.kind == "student") != (self.student is not None):
            yield "`student`, a pseudonym, belongs to kind student, which needs it"
        if self.kind == "student" and not self.reason.strip():
            yield "a student report needs `reason`: it stands in the audit"
        if (self.kind == "term") != bool(self.terms):
            yield "`terms` belong to kind term, which needs them"
        if any(later.first <= earlier.last for earlier, later in pairwise(self.terms)):
            yield "`terms` follow one another and do not overlap"

    @property
    def params(self) -> dict[str, Any]:
        """What narrows it, as the database keeps it."""
        left_out = {"id", "kind", "cron", "formats", "recipients", "enabled", "language"}
        return self.model_dump(mode="json", by_alias=True, exclude=left_out, exclude_defaults=True)

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Names of the environment variables that its recipients need."""
        return placeholder_names(" ".join(self.recipients))


class MailServer(_Part):
    """The SMTP server that takes the reports' mails; never without TLS.

    Attributes:
        security: `starttls` asks for it after the greeting, `tls` begins with it.
        port: 587 for starttls, 465 for tls where none is named.
        user, password: `${NAME}` of environment variables; both or none.
        sender: the address that the mails come from.
    """

    host: str = Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:-]+$")
    port: int = Field(default=0, ge=0, le=65535)
    security: Literal["starttls", "tls"] = "starttls"
    user: Secret | None = None
    password: Secret | None = None
    sender: Annotated[str, AfterValidator(_check_address)] = Field(alias="from")

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("`user` and `password` belong together")
        return self

    @property
    def active_port(self) -> int:
        """The port that is connected to."""
        return self.port or DEFAULT_PORT[self.security]


Reports = Annotated[tuple[ReportDefinition, ...], Field(max_length=1000)]


def report_mistakes(
    document: Mapping[str, Any], *, per_student: bool
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Mistakes between the reports and the rest of a site file's raw document.

    Args:
        document: the whole file.
        per_student: whether its policy permits rows of single students.
    """
    rooms = {room.get("id") for room in _dicts(document.get("rooms"))}
    seen: set[object] = set()
    for number, report in enumerate(_dicts(document.get("reports"))):
        place = ("reports", number)
        if (report_id := report.get("id")) in seen:
            yield (*place, "id"), f"report {report_id!r} stands twice"
        seen.add(report_id)
        if report.get("room") is not None and report["room"] not in rooms:
            yield (*place, "room"), f"there is no room {report['room']!r}"
        if report.get("kind") == "student" and not per_student:
            yield (*place, "kind"), "the policy permits no figures of single students"
        recipients = report.get("recipients")
        to = [r for r in recipients if isinstance(r, str)] if isinstance(recipients, list) else []
        if any(r.startswith(MAILTO) for r in to) and not document.get("mail"):
            yield (
                (*place, "recipients"),
                (
                    "mails need a server: add `mail: {host: …, user: ${MAIL_USER}, "
                    "password: ${MAIL_PASSWORD}, from: …}`"
                ),
            )


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
