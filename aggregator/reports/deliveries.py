"""Rows of `report_deliveries`: on their way to one recipient, at least once, under one id.

| status | next_at | meaning |
|---|---|---|
| pending | a time | to be sent then |
| pending | NULL | made by hand without `--deliver`: only `facepose report resend` sends it |
| sending | NULL | committed before the send; a scheduler that died left it so |
| sent | NULL | the recipient's server took it |
| in_doubt | a time | it may have arrived: sent once more, under the same id |
| in_doubt | NULL | sent once more, and again nobody knows: no more attempts |
| failed | a time | it did not arrive: tried again then |
| failed | NULL | given up |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from schemas.site_reports import Channel

MAX_ATTEMPTS: Final = 10
FIRST_WAIT: Final = dt.timedelta(minutes=1)
LONGEST_WAIT: Final = dt.timedelta(hours=4)  # ten attempts take eight hours

_INSERT: Final = text(
    """
    INSERT INTO report_deliveries (run_id, recipient, channel, message_id, next_at)
    VALUES (:run_id, :recipient, :channel, :message_id, :next_at)
    ON CONFLICT (run_id, recipient) DO NOTHING
    """
)
_RUNS: Final = text(
    """
    SELECT r.run_id FROM report_runs r
    JOIN report_defs d USING (report_id)
    JOIN sites s USING (site_id)
    WHERE s.slug = :site AND r.status = 'done'
      AND (r.until IS NULL OR r.until < clock_timestamp())
      AND EXISTS (
          SELECT 1 FROM report_deliveries y
          WHERE y.run_id = r.run_id AND (y.next_at <= :now OR y.status = 'sending')
      )
    ORDER BY r.due_at, r.report_id
    """
)
_DUE: Final = text(
    """
    SELECT recipient, channel, message_id, status, attempt FROM report_deliveries
    WHERE run_id = :run_id AND next_at <= :now
    ORDER BY recipient
    """
)
_LEFT_BEHIND: Final = text(
    """
    UPDATE report_deliveries
    SET status = 'in_doubt', next_at = :now,
        error = 'a scheduler ended while it sent this: it may have arrived'
    WHERE run_id = :run_id AND status = 'sending'
    RETURNING recipient
    """
)
_BEGIN: Final = text(
    """
    UPDATE report_deliveries
    SET status = CASE WHEN status = 'in_doubt' THEN status ELSE 'sending' END,
        next_at = NULL, attempt = attempt + 1
    WHERE run_id = :run_id AND recipient = :recipient AND next_at <= :now
    RETURNING attempt
    """
)
_END: Final = text(
    """
    UPDATE report_deliveries
    SET status = :status, next_at = :next_at, error = :error,
        sent_at = CASE WHEN :status = 'sent' THEN :now ELSE sent_at END
    WHERE run_id = :run_id AND recipient = :recipient AND attempt = :attempt
    """
)
_RESEND: Final = text(
    """
    UPDATE report_deliveries SET status = 'pending', next_at = :now, attempt = 0, error = NULL
    WHERE run_id = :run_id
    RETURNING recipient
    """
)


@dataclass(frozen=True)
class Delivery:
    """A run for one recipient, to be sent now."""

    run_id: int
    recipient: str
    channel: Channel
    message_id: str | None
    status: str
    attempt: int  # that this one is; the first is 1


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, and when the next one is; None: there is none."""

    status: str
    next_at: dt.datetime | None
    error: str | None = None


def add_delivery(
    connection: Connection,
    run_id: int,
    recipient: str,
    channel: Channel,
    message_id: str | None,
    next_at: dt.datetime | None,
) -> None:
    """A recipient of a run; one that is there already stays as it is."""
    values = {
        "run_id": run_id,
        "recipient": recipient,
        "channel": channel,
        "message_id": message_id,
        "next_at": next_at,
    }
    connection.execute(_INSERT, values)


def runs_to_deliver(connection: Connection, site: str, now: dt.datetime) -> list[int]:
    """Runs that nobody holds and of which something is to be sent, the oldest first."""
    return list(connection.execute(_RUNS, {"site": site, "now": now}).scalars())


def take_over(connection: Connection, run_id: int, now: dt.datetime) -> list[str]:
    """What a dead scheduler left in the middle of a send is in doubt; its recipients.

    The caller holds the run, so nobody else is sending.
    """
    return list(connection.execute(_LEFT_BEHIND, {"run_id": run_id, "now": now}).scalars())


def due_deliveries(connection: Connection, run_id: int, now: dt.datetime) -> list[Delivery]:
    """What is to be sent of one run."""
    rows = connection.execute(_DUE, {"run_id": run_id, "now": now})
    return [
        Delivery(run_id, r.recipient, r.channel, r.message_id, r.status, r.attempt + 1)
        for r in rows
    ]


def begin(connection: Connection, delivery: Delivery, now: dt.datetime) -> bool:
    """Note, to be committed before the send, that it begins."""
    values = {"run_id": delivery.run_id, "recipient": delivery.recipient, "now": now}
    return connection.execute(_BEGIN, values).scalar() == delivery.attempt


def end(connection: Connection, delivery: Delivery, outcome: Outcome, now: dt.datetime) -> None:
    """Note how an attempt ended."""
    values = {
        "run_id": delivery.run_id,
        "recipient": delivery.recipient,
        "attempt": delivery.attempt,
        "status": outcome.status,
        "next_at": outcome.next_at,
        "error": outcome.error,
        "now": now,
    }
    connection.execute(_END, values)


def send_again(connection: Connection, run_id: int, now: dt.datetime) -> Sequence[str]:
    """Everything of a run is to be sent again, under the same ids; its recipients."""
    return connection.execute(_RESEND, {"run_id": run_id, "now": now}).scalars().all()


def outcome_of(delivery: Delivery, error: str, now: dt.datetime, *, in_doubt: bool) -> Outcome:
    """What follows from an attempt that did not succeed for certain.

    Nobody knows whether it arrived → once more, under the same id. It surely did not → again after
    1, 2, 4, … minutes, 4 hours at most, ten times in all.
    """
    was_in_doubt = delivery.status == "in_doubt"
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(delivery.attempt - 1, 20))
    next_at = now + wait if delivery.attempt < MAX_ATTEMPTS else None
    if in_doubt and was_in_doubt:
        next_at = None
    return Outcome("in_doubt" if in_doubt or was_in_doubt else "failed", next_at, error[:2000])
