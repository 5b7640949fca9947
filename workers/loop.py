"""The worker's only loop: take frames, analyse them as one batch, publish, acknowledge.

States of an entry: new → held (renewed every half second) → published → acknowledged. A worker may
die at any point: what is held goes to another worker two seconds later, what was published but not
acknowledged is published twice, and the aggregator drops the second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

import structlog

from schemas.errors import NewerMessageError
from schemas.transport import Entry, TransportError
from workers.analysis import Analyzer, BatchAnalysis, Failure
from workers.delivery import Delivery
from workers.errors import WorkersError
from workers.intake import Intake
from workers.metrics import WorkerMetrics
from workers.minute_log import MinuteLog
from workers.patience import Patience
from workers.records import AnalysedFace, analysed_record, dead_record
from workers.renewal import Renewal
from workers.screening import Picture, Screening, Verdict

NEWER_WAIT_S: Final = 5.0

_log = structlog.get_logger(__name__)


class RenewalDiedError(WorkersError):
    """Without renewal other workers would take over frames that are still in work."""


class Membership(Protocol):
    """The group of all workers; `workers.queues.FramesQueue` is one."""

    def join(self) -> None:
        """Make sure that the group exists."""

    def leave(self) -> None:
        """Forget this consumer unless it still holds entries."""


class Worker:
    """One consumer of the group, from its first read to its last acknowledgement.

    Args:
        frames: the group, to join and to leave.
        intake: hands out entries.
        screening: entries to pictures or verdicts.
        analyzer: pictures to faces; warmed up already.
        delivery: publishes and acknowledges.
        renewal: keeps held entries alive; not started yet.
        reading_patience: waits for the frames server while reading.
        metrics: the worker's counters.
        with_expression: whether policy permits expressions in a record.
        stop: set to end the worker after the batch in hand.
        clock: Unix time in nanoseconds, UTC.
        overlap: take and decode the next batch while one is being analysed.
    """

    def __init__(
        self,
        *,
        frames: Membership,
        intake: Intake,
        screening: Screening,
        analyzer: Analyzer,
        delivery: Delivery,
        renewal: Renewal,
        reading_patience: Patience,
        metrics: WorkerMetrics,
        with_expression: bool,
        stop: threading.Event,
        clock: Callable[[], int] = time.time_ns,
        overlap: bool = False,
    ) -> None:
        self._frames = frames
        self._intake = intake
        self._screening = screening
        self._analysis = BatchAnalysis(analyzer)
        self._model_version = analyzer.model_version
        self._delivery = delivery
        self._renewal = renewal
        self._reading_patience = reading_patience
        self._metrics = metrics
        self._with_expression = with_expression
        self._stop = stop
        self._clock = clock
        self._overlap = overlap
        self._minute = MinuteLog(metrics)

    def run(self) -> None:
        """Work until told to stop; the batch in hand is finished.

        Raises:
            AnalyzerBrokenError: the analysis fails for everything.
            RenewalDiedError: the renewal thread is gone.
        """
        self._renewal.start()
        try:
            self._reading_patience.call(self._frames.join)
            _log.info("The worker is ready", action="worker_ready", model=self._model_version)
            self._work()
        except TransportError as exc:
            if not self._stop.is_set():
                raise
            _log.warning(
                "Ended while a server was away; other workers take over what was held",
                action="worker_gave_up",
                reason=str(exc),
            )
        finally:
            self._renewal.stop()
            self._metrics.set_ready(False)
        self._frames.leave()
        _log.info("The worker ended", action="worker_ended")

    def _work(self) -> None:
        for batch in self._batches():
            self._handle(batch)
            self._minute.tell_if_due()
            if not self._renewal.is_alive():
                raise RenewalDiedError("the renewal thread ended; restart the worker")

    def _batches(self) -> Iterator[list[Picture | Verdict]]:
        """Screened batches until told to stop; with overlap one is prepared ahead."""
        if not self._overlap:
            while not self._stop.is_set():
                yield self._prepare()
            return
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as ahead:
            upcoming = ahead.submit(self._prepare)
            while not self._stop.is_set():
                batch = upcoming.result()
                upcoming = ahead.submit(self._prepare)
                yield batch
            yield upcoming.result()

    def _prepare(self) -> list[Picture | Verdict]:
        """Take the next entries and look at each of them."""
        entries = self._reading_patience.call(self._intake.next_entries)
        with self._metrics.stage("decode"):
            screened = [self._screen(entry) for entry in entries]
        self._metrics.set_ready(not self._intake.streams_aside)
        return [item for item in screened if item is not None]

    def _screen(self, entry: Entry) -> Picture | Verdict | None:
        """As `Screening.screen`; None for an entry that waits for a newer program."""
        try:
            return self._screening.screen(entry, self._clock())
        except NewerMessageError as exc:
            self._intake.give_back(entry, NEWER_WAIT_S)
            _log.warning(
                "A newer program writes these frames; waiting for an upgrade",
                action="newer_message",
                stream=entry.stream,
                reason=str(exc),
            )
            return None

    def _handle(self, batch: Sequence[Picture | Verdict]) -> None:
        """Analyse what can be analysed and settle everything."""
        if not batch:
            return
        pictures = [item for item in batch if isinstance(item, Picture)]
        verdicts = [item for item in batch if isinstance(item, Verdict)]
        self._delivery.settle(verdicts + self._analyse(pictures))

    def _analyse(self, pictures: Sequence[Picture]) -> list[Verdict]:
        if not pictures:
            return []
        began_ns = self._clock()
        for picture in pictures:
            if picture.frame.run_id:
                continue  # the age of a recording says nothing about the queue
            age_s = max(0.0, (began_ns - picture.frame.captured_at) / 1e9)
            self._metrics.queue_age_seconds.observe(age_s)
        self._metrics.batch_frames.observe(len(pictures))
        with self._metrics.stage("analyse"):
            results = self._analysis.run(
                [picture.image for picture in pictures], [picture.view for picture in pictures]
            )
        at_ns = self._clock()
        return [
            self._verdict(picture, result, at_ns)
            for picture, result in zip(pictures, results, strict=True)
        ]

    def _verdict(
        self, picture: Picture, result: Sequence[AnalysedFace] | Failure, at_ns: int
    ) -> Verdict:
        version = self._model_version
        if isinstance(result, Failure):
            record = dead_record(picture.frame, result.reason, at_ns=at_ns, model_version=version)
            return Verdict(picture.entry, record, result.reason)
        record = analysed_record(
            picture.frame,
            result,
            at_ns=at_ns,
            model_version=version,
            with_expression=self._with_expression,
        )
        return Verdict(picture.entry, record)
