"""What is delivered: a run's files, and the words that go with them. All of it stands in rows."""

from __future__ import annotations

import datetime as dt
import hashlib

from msgspec import Struct

from schemas.site_reports import Channel


class DeliveredFile(Struct, frozen=True, kw_only=True):
    """One file, byte for byte as it was made."""

    name: str
    media_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Of its content, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


class Package(Struct, frozen=True, kw_only=True):
    """One run for any recipient.

    Attributes:
        site: its id; site_name: for people.
        report: its id; kind: what it is.
        period: the label, like 2026-W12.
        first, last: local days, both included.
        finished_at: when the run was made.
        left_out: lessons that are missing in it, in words.
    """

    site: str
    site_name: str
    report: str
    kind: str
    period: str
    first: dt.date
    last: dt.date
    finished_at: dt.datetime
    left_out: tuple[str, ...]
    files: tuple[DeliveredFile, ...]

    @property
    def title(self) -> str:
        """A line for people: `Sunnyside: weekly site report 2026-W12`."""
        kind = self.kind.replace("_", " ")
        return f"{self.site_name}: {kind} report {self.period}"

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(file.content) for file in self.files)


def message_key(*parts: str) -> str:
    """The same for every attempt at one run and recipient; tells neither of them to a reader."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def message_id(channel: Channel, key: str, mail_host: str) -> str | None:
    """What names the delivery for its recipient: Message-ID, Idempotency-Key; folders need none."""
    if channel == "mail":
        return f"<facepose.{key}@{mail_host}>"
    return f"facepose-{key}" if channel == "webhook" else None
