"""Puts one worker together and runs it: servers, policy, analyzer, loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from schemas import transport
from schemas.analysis import ModelChoices
from schemas.settings import Settings
from schemas.site import Site
from schemas.site_following import follow_site
from schemas.site_watch import SiteWatch
from schemas.streams import frames_stream
from workers.analysis import Analyzer
from workers.analyzer import FaceAnalyzer
from workers.batching import BatchLimits, BatchReader, KeyRotation
from workers.decode import decode_jpeg, unopened_jpeg
from workers.delivery import Delivery
from workers.gpu import has_cuda
from workers.intake import Intake
from workers.loop import Worker
from workers.metrics import WorkerMetrics
from workers.patience import Patience
from workers.queues import RECLAIM_IDLE_MS, FacesQueue, FramesQueue, consumer_name
from workers.renewal import Held, Renewal
from workers.screening import Screening

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Tuning:
    """How a worker works on this device.

    Attributes:
        limits: size and waiting times of a batch.
        overlap: take and decode the next batch while one is being analysed.
        reclaim_idle_ms: frames not renewed for so long belong to a dead worker.
    """

    limits: BatchLimits = field(default_factory=BatchLimits)
    overlap: bool = False
    reclaim_idle_ms: int = RECLAIM_IDLE_MS


# On a CPU a batch is no faster than its pictures one by one, so nothing is waited for, and small
# batches keep the frames fresh; decoding (6 % of the time) ahead would only take cores away.
CPU_TUNING: Final = Tuning(BatchLimits(max_frames=2, linger_s=0.0))
GPU_TUNING: Final = Tuning(BatchLimits(max_frames=8), overlap=True)


def run_worker(
    site: Site,
    settings: Settings,
    *,
    stop: threading.Event,
    shard: tuple[int, int] = (0, 1),
    analyzer: Analyzer | None = None,
    clock: Callable[[], int] = time.time_ns,
    metrics: WorkerMetrics | None = None,
    tuning: Tuning | None = None,
    run_id: str = "",
    room: str | None = None,
    watch: SiteWatch | None = None,
) -> None:
    """Analyse the frames of the enabled cameras of `site` until `stop` is set.

    A changed site file begins a new turn after the batch in hand; the networks stay loaded unless
    it names others.

    Args:
        site: cameras, rooms and the policy that decides whether expressions are inferred.
        settings: the servers, the device, the age at which frames expire.
        stop: set to end after the batch in hand.
        shard: (i, n): every n-th camera from the i-th on; all frames of a camera then come to this
            worker. By default all cameras, shared with all other workers frame by frame.
        analyzer: for tests; by default `FaceAnalyzer` with its weights.
        clock: Unix time in nanoseconds, UTC.
        metrics: for tests; by default registered in the process' registry.
        tuning: by default as the device wants it.
        run_id: analyse this recording and nothing live; its frames never expire.
        room: only this room's cameras; None: all rooms'.
        watch: of the site file, to follow its changes.

    Raises:
        SettingsError: a server's url is missing or wrong.
        TransportRefusedError: a server does not let us in.
        WeightsError: the weights are missing or damaged.
        AnalyzerBrokenError: the analysis fails for everything; restart the process.
    """
    frames_url, faces_url = settings.require_frames_url(), settings.require_faces_url()
    metrics = metrics or WorkerMetrics()
    loaded = _LoadedAnalyzer(settings, analyzer)
    loaded.fit(site)
    with transport.connect(frames_url) as frames, transport.connect(faces_url) as faces:

        def turn(site: Site, end: threading.Event) -> None:
            build_worker(
                site,
                frames,
                faces,
                loaded.fit(site),
                stop=end,
                shard=shard,
                max_age_s=settings.max_age_s,
                clock=clock,
                metrics=metrics,
                tuning=tuning or _tuning_for(settings),
                run_id=run_id,
                room=room,
            ).run()

        follow_site(site, watch, stop, turn)


def build_worker(
    site: Site,
    frames_client: transport.Client,
    faces_client: transport.Client,
    analyzer: Analyzer,
    *,
    stop: threading.Event,
    shard: tuple[int, int] = (0, 1),
    max_age_s: float,
    metrics: WorkerMetrics,
    tuning: Tuning,
    clock: Callable[[], int] = time.time_ns,
    monotonic: Callable[[], float] = time.monotonic,
    run_id: str = "",
    room: str | None = None,
) -> Worker:
    """A worker that was not started yet; arguments as in `run_worker`."""
    index, count = shard
    cameras = [camera.id for its_room, camera in site.cameras() if room in {None, its_room.id}]
    streams = [frames_stream(camera_id, run_id) for camera_id in cameras][index::count]
    frames = FramesQueue(frames_client, streams, consumer_name(), tuning.reclaim_idle_ms)
    held = Held()
    metrics.held.set_function(lambda: len(held))
    rotation = KeyRotation(streams, monotonic)
    reader = BatchReader(rotation, tuning.limits, monotonic)

    def patience(server: str, grace_s: float) -> Patience:
        return Patience(server, stop, on_change=metrics.set_ready, grace_s=grace_s)

    return Worker(
        frames=frames,
        intake=Intake(frames, rotation, reader, held, metrics=metrics, monotonic=monotonic),
        screening=Screening(
            site,
            max_age_s=max_age_s,
            model_version=analyzer.model_version,
            decode_jpeg=unopened_jpeg if analyzer.unpacks_jpegs else decode_jpeg,
        ),
        analyzer=analyzer,
        delivery=Delivery(
            FacesQueue(faces_client),
            frames,
            held,
            faces_patience=patience("faces", grace_s=5.0),
            frames_patience=patience("frames", grace_s=5.0),
            metrics=metrics,
        ),
        renewal=Renewal(held, frames.renew),
        reading_patience=patience("frames", grace_s=0.0),
        metrics=metrics,
        with_expression=site.rules.expression,
        stop=stop,
        clock=clock,
        overlap=tuning.overlap,
    )


class _LoadedAnalyzer:
    """The analyzer of the site in force, loaded anew only when the site wants another.

    Args:
        settings: the device and its threads.
        given: for tests: used whatever the site says.
    """

    def __init__(self, settings: Settings, given: Analyzer | None) -> None:
        self._settings = settings
        self._given = given
        self._loaded: tuple[ModelChoices, bool, Analyzer] | None = None

    def fit(self, site: Site) -> Analyzer:
        """The analyzer, warmed up.

        Without permission the expression network's file is not even opened.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        if self._loaded is not None:
            models, expression, analyzer = self._loaded
            if (models, expression) == (site.models, site.rules.expression):
                return analyzer
            self._loaded = None  # two at once need not fit into memory
        analyzer = self._given or FaceAnalyzer.load(
            self._settings.device,
            models=site.models,
            expression=site.rules.expression,
            threads=self._settings.threads,
        )
        analyzer.warm_up()
        self._loaded = site.models, site.rules.expression, analyzer
        return analyzer


def _tuning_for(settings: Settings) -> Tuning:
    on_gpu = settings.device == "cuda" or (settings.device == "auto" and has_cuda())
    return GPU_TUNING if on_gpu else CPU_TUNING
