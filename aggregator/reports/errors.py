"""What can go wrong with reports.

ReportError
├── PeriodError          a period that this kind of report does not have
├── UnknownReportError   the site file names no such report, or the database knows it not yet
├── NotMadeError         nothing was made of this period yet, or it is being made
├── RunLostError         another scheduler took the run over: write nothing
└── DeliveryError        one recipient did not get it now
"""

from __future__ import annotations

from aggregator.errors import AggregatorError


class ReportError(AggregatorError):
    """Base of all errors of reports."""


class PeriodError(ReportError):
    """A period that this kind of report does not have."""


class UnknownReportError(ReportError):
    """A report that nobody defined, or that `facepose db sync` has not stored yet."""


class NotMadeError(ReportError):
    """There is no finished run of this period."""


class RunLostError(ReportError):
    """Another scheduler holds the run now."""


class DeliveryError(ReportError):
    """A recipient did not get the report; the text holds no secret.

    Attributes:
        in_doubt: it may have arrived all the same: everything was sent, no answer came.
    """

    def __init__(self, reason: str, *, in_doubt: bool = False) -> None:
        self.in_doubt = in_doubt
        super().__init__(reason)
