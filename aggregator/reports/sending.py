"""A finished run to its recipients: each send is noted before it begins and after it ended."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import Connection, Engine

from aggregator.reports import deliveries
from aggregator.reports.deliveries import Delivery, Outcome, outcome_of
from aggregator.reports.delivery.courier import Courier
from aggregator.reports.delivery.package import Package
from aggregator.reports.document import Period
from aggregator.reports.errors import DeliveryError
from aggregator.reports.making import load_package
from aggregator.reports.runs import HeldRun, check_run
from aggregator.reports.telling import tell
from schemas.database import connect
from schemas.fault_points import SEND_BEGUN, SEND_ENDED, pass_point
from schemas.site_reports import ReportDefinition, masked

_SENT: Final = Outcome("sent", None)
_log = structlog.get_logger(__name__)


class Sender:
    """Sends what is due of a run that the caller holds.

    Args:
        clock: aware time.
        stop: set to leave the rest for later.
    """

    def __init__(
        self,
        engine: Engine,
        site: str,
        courier: Courier,
        clock: Callable[[], dt.datetime],
        stop: threading.Event,
    ) -> None:
        self._engine = engine
        self._site = site
        self._courier = courier
        self._clock = clock
        self._stop = stop

    def send_due(self, run: HeldRun, definition: ReportDefinition | None, period: Period) -> None:
        """Everything of one run that is due now.

        Args:
            run: held by this process.
            definition: None: it has left the site file, and so have its recipients.
            period: of the run.

        Raises:
            RunLostError: another scheduler holds the run now.
        """
        now = self._clock()
        with connect(self._engine) as connection:
            check_run(connection, run)
            for recipient in deliveries.take_over(connection, run.run_id, now):
                self._tell_doubt(connection, definition, period, recipient, now)
            due = deliveries.due_deliveries(connection, run.run_id, now)
            wanted = [d for d in due if definition and d.recipient in definition.recipients]
            for delivery in due:
                if delivery not in wanted:
                    self._drop(connection, delivery, now)
            connection.commit()
            if definition is None or not wanted:
                return
            package = load_package(connection, run.run_id, definition, period)
        for delivery in wanted:
            if self._stop.is_set():
                return
            self._send(run, delivery, package)

    def _send(self, run: HeldRun, delivery: Delivery, package: Package) -> None:
        with connect(self._engine) as connection:
            check_run(connection, run)
            begun = deliveries.begin(connection, delivery, self._clock())
            connection.commit()
        if not begun:
            return
        pass_point(SEND_BEGUN)
        outcome = self._attempt(delivery, package)
        pass_point(SEND_ENDED)
        now = self._clock()
        with connect(self._engine) as connection:
            deliveries.end(connection, delivery, outcome, now)
            if outcome.status != "sent" and outcome.next_at is None:
                self._tell_end(connection, delivery, package, outcome, now)
            connection.commit()

    def _attempt(self, delivery: Delivery, package: Package) -> Outcome:
        shown = masked(delivery.recipient)
        try:
            self._courier.deliver(package, delivery.recipient, delivery.message_id)
        except DeliveryError as exc:
            outcome = outcome_of(delivery, str(exc), self._clock(), in_doubt=exc.in_doubt)
        except Exception as exc:
            _log.exception("A report could not be sent: a bug", action="report_send_bug", to=shown)
            outcome = outcome_of(delivery, type(exc).__name__, self._clock(), in_doubt=True)
        else:
            _log.info(
                "A report was sent",
                action="report_sent",
                report=package.report,
                period=package.period,
                to=shown,
            )
            return _SENT
        _log.warning(
            "A report did not arrive for certain",
            action="report_not_sent",
            report=package.report,
            period=package.period,
            to=shown,
            status=outcome.status,
            reason=outcome.error,
            attempt=delivery.attempt,
            again_at=outcome.next_at and outcome.next_at.isoformat(timespec="seconds"),
        )
        return outcome

    def _drop(self, connection: Connection, delivery: Delivery, now: dt.datetime) -> None:
        gone = Outcome("failed", None, "no recipient of this report any more")
        deliveries.end(connection, _as_it_stands(delivery), gone, now)

    def _tell_doubt(
        self,
        connection: Connection,
        definition: ReportDefinition | None,
        period: Period,
        recipient: str,
        now: dt.datetime,
    ) -> None:
        tell(
            connection,
            self._site,
            "report_delivery_in_doubt",
            now,
            report=definition.id if definition else "",
            first=period.first.isoformat(),
            to=masked(recipient),
        )

    def _tell_end(
        self,
        connection: Connection,
        delivery: Delivery,
        package: Package,
        outcome: Outcome,
        now: dt.datetime,
    ) -> None:
        in_doubt = outcome.status == "in_doubt"
        tell(
            connection,
            self._site,
            "report_delivery_in_doubt" if in_doubt else "report_delivery_failed",
            now,
            report=package.report,
            period=package.period,
            to=masked(delivery.recipient),
            attempts=delivery.attempt,
            reason=outcome.error,
        )


def _as_it_stands(delivery: Delivery) -> Delivery:
    """The delivery with the number of its last attempt: none has begun."""
    return Delivery(
        delivery.run_id,
        delivery.recipient,
        delivery.channel,
        delivery.message_id,
        delivery.status,
        delivery.attempt - 1,
    )
