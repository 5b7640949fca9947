"""Puts one worker together and runs it: servers, policy, analyzer, loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from schemas import transport
from schemas.settings import Settings
from schemas.site import Site
from schemas.streams import frames_stream
from workers.analysis import Analyzer
from workers.analyzer import FaceAnalyzer
from workers.batching import BatchLimits, BatchReader, KeyRotation
from workers.decode import decode_jpeg
from workers.delivery import Delivery
from workers.gpu import has_cuda
from workers.intake import Intake
from workers.loop import Worker
from workers.metrics import WorkerMetrics
from workers.patience import Patience
from workers.queues import FacesQueue, FramesQueue, consumer_name
from workers.renewal import Held, Renewal
from workers.screening import Screening

CPU_LIMITS: Final = BatchLimits(max_frames=4)
GPU_LIMITS: Final = BatchLimits(max_frames=8)

_log = structlog.get_logger(__name__)


def run_worker(
    site: Site,
    settings: Settings,
    *,
    stop: threading.Event,
    analyzer: Analyzer | None = None,
    clock: Callable[[], int] = time.time_ns,
    metrics: WorkerMetrics | None = None,
    limits: BatchLimits | None = None,
    overlap: bool | None = None,
) -> None:
    """Analyse the frames of all enabled cameras of `site` until `stop` is set.

    Args:
        site: cameras, rooms and the policy that decides whether expressions are inferred.
        settings: the servers, the device, the age at which frames expire.
        stop: set to end after the batch in hand.
        analyzer: for tests; by default `FaceAnalyzer` with its weights.
        clock: Unix time in nanoseconds, UTC.
        metrics: for tests; by default registered in the process' registry.
        limits: size and waiting times of a batch; by default by device.
        overlap: prepare the next batch during the analysis; by default on a GPU only, because on
            a CPU decoding takes the cores away from the networks.

    Raises:
        SettingsError: a server's url is missing.
        WeightsError: the weights are missing or damaged.
        AnalyzerBrokenError: the analysis fails for everything; restart the process.
    """
    frames_url, faces_url = settings.require_frames_url(), settings.require_faces_url()
    metrics = metrics or WorkerMetrics()
    with_expression = site.rules.expression
    analyzer = analyzer or _load_analyzer(settings, with_expression=with_expression)
    analyzer.warm_up()
    on_gpu = settings.device == "cuda" or (settings.device == "auto" and has_cuda())
    limits = limits or (GPU_LIMITS if on_gpu else CPU_LIMITS)
    streams = [frames_stream(camera.id) for _, camera in site.cameras()]
    consumer = consumer_name()
    frames_client = transport.connect(frames_url)
    faces_client = transport.connect(faces_url)
    frames = FramesQueue(frames_client, streams, consumer)
    say_ready = _readiness(metrics)
    reading = Patience("frames", stop, on_change=say_ready, grace_s=0.0)
    held = Held()
    metrics.held.set_function(lambda: len(held))
    rotation = KeyRotation(streams)
    worker = Worker(
        intake=Intake(frames, rotation, BatchReader(rotation, limits), held, metrics=metrics),
        screening=Screening(
            site,
            max_age_s=settings.max_age_s,
            model_version=analyzer.model_version,
            decode_jpeg=decode_jpeg,
        ),
        analyzer=analyzer,
        delivery=Delivery(
            FacesQueue(faces_client),
            frames,
            held,
            faces_patience=Patience("faces", stop, on_change=say_ready),
            frames_patience=Patience("frames", stop, on_change=say_ready),
            metrics=metrics,
        ),
        renewal=Renewal(held, frames.renew),
        frames_patience=reading,
        metrics=metrics,
        with_expression=with_expression,
        stop=stop,
        clock=clock,
        overlap=on_gpu if overlap is None else overlap,
    )
    try:
        reading.call(frames.join)
        _log.info("The worker is ready", action="worker_ready", consumer=consumer)
        worker.run()
        frames.leave()
    finally:
        frames_client.close()
        faces_client.close()
    _log.info("The worker ended", action="worker_ended", consumer=consumer)


def _load_analyzer(settings: Settings, *, with_expression: bool) -> Analyzer:
    """The real networks; without permission the expression network's file is not even opened."""
    return FaceAnalyzer.load(
        settings.device, expression=with_expression, threads=settings.threads
    )


def _readiness(metrics: WorkerMetrics) -> Callable[[bool], None]:
    """Tells the gauge whether a server is there."""
    return lambda is_there: metrics.ready.set(1 if is_there else 0)
