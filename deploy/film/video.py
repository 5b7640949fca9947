"""`facepose video`: a film in; labels drawn into a film, JSON lines, or a table of its tracks out.

The JSON lines are one object for each analysed frame, `{"frame", "time_s", "faces": […]}`, and at
the end always one `{"summary": {…}}`, also after an error: it says what went wrong.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import typer
from rich.console import Console

from deploy.film.errors import FilmError, FilmNotWrittenError
from deploy.film.film_reader import AudioPacket, FilmFrame, FilmReader
from deploy.film.film_writer import FilmWriter
from deploy.film.labels import Analyzer, Labeller, Labels, Pace
from deploy.film.outcome import Outcome, show_outcome
from deploy.film.progress import film_progress
from schemas.analysis import DetectionPlan, ModelChoices
from workers.analyzer import DEFAULT_MODELS, Device, FaceAnalyzer, default_threads
from workers.drawing import drawn_size
from workers.stages import DEFAULT_PLAN

_Parts: TypeAlias = "Iterator[FilmFrame | AudioPacket]"


def run_video(
    path: Path,
    *,
    out: Path | None = None,
    as_json: bool = False,
    points: bool = False,
    every: int = 1,
    fps: float | None = None,
    smooth: bool = True,
    expression: bool = True,
    models: ModelChoices = DEFAULT_MODELS,
    detection: DetectionPlan = DEFAULT_PLAN,
    device: Device = "auto",
    threads: int | None = None,
    stop: threading.Event | None = None,
    analyzer: Analyzer | None = None,
) -> int:
    """Analyse a film and show what was found.

    Args:
        path: any film that FFmpeg opens.
        out: where to write the film with its labels: .mp4, .m4v, .mov or .mkv.
        as_json: JSON lines on stdout, instead of a table.
        points: JSON with landmarks.
        every: analyse one of so many frames; labels are held in those between.
        fps: analyse at most so many frames a second of the film.
        smooth: draw angles smoothed along each track; JSON carries both.
        expression: also measure expressions.
        models: which network does each step.
        detection: what the detector looks at.
        device: see `FaceAnalyzer.load`.
        threads: see `FaceAnalyzer.load`; also of the encoder.
        stop: ends the work when set; what was done is kept.
        analyzer: instead of one that is loaded here.

    Returns:
        The exit status: 0; 1 when the film could not be read to its end, or not be written; 130
        when it was stopped.

    Raises:
        WeightsError, EngineError, ChoiceError: nothing could be analysed at all.
    """
    errors = Console(stderr=True)
    outcome = Outcome(path, out)
    threads = threads or default_threads()

    def load() -> Labeller:
        chosen = analyzer or FaceAnalyzer.load(
            device, models=models, expression=expression, threads=threads
        )
        return Labeller(chosen, str(path), outcome.tracks, detection=detection, smooth=smooth)

    def show(labels: Labels) -> None:
        if as_json:
            typer.echo(json.dumps(labels.as_record(points=points)))

    work = _Work(outcome, Pace(every, fps), show, stop or threading.Event(), errors, threads)
    try:
        work.run(load)
    except FilmNotWrittenError as exc:
        # An older film may stand there; it is not this one.
        outcome.error, outcome.out = str(exc), None
    except FilmError as exc:
        outcome.error = str(exc)
    except KeyboardInterrupt:
        outcome.interrupted = True
    show_outcome(outcome, errors, as_json=as_json)
    return outcome.status


@dataclass(frozen=True, slots=True)
class _Work:
    """One pass over a film. Whatever ends it early, the film written so far is finished."""

    outcome: Outcome
    pace: Pace
    show: Callable[[Labels], None]
    stop: threading.Event
    errors: Console
    threads: int

    def run(self, load: Callable[[], Labeller]) -> None:
        """Open the film, then load the networks: a wrong path is told at once."""
        _check_places(self.outcome.path, self.outcome.out)
        with ExitStack() as opened:
            reader = opened.enter_context(FilmReader(self.outcome.path))
            self.outcome.damage = reader.damage
            labeller = load()
            progress, advance = film_progress(self.errors, reader.expected_frames)
            opened.enter_context(progress)
            first, parts = _with_first_frame(reader.parts())
            self.outcome.height, self.outcome.width = first.image.shape[:2]
            writer = self._writer(reader, first)
            if writer is not None:
                self.outcome.sound = writer.sound
                opened.enter_context(writer)
            self._go(parts, labeller, writer, advance)

    def _go(
        self,
        parts: _Parts,
        labeller: Labeller,
        writer: FilmWriter | None,
        advance: Callable[[], None],
    ) -> None:
        labels: Labels | None = None
        for part in parts:
            if self.stop.is_set():
                raise KeyboardInterrupt
            if not isinstance(part, FilmFrame):
                if writer is not None:
                    writer.write_sound(part)
                continue
            if self.pace.takes(part) or labels is None:
                labels = labeller.label(part)
                self.outcome.analysed += 1
                self.show(labels)
            if writer is not None:
                writer.write(labels.drawn(part.image), part.pts, part.duration)
            self.outcome.note(part)
            advance()

    def _writer(self, reader: FilmReader, first: FilmFrame) -> FilmWriter | None:
        if self.outcome.out is None:
            return None
        return FilmWriter(
            self.outcome.out,
            drawn_size(first.image.shape[1], first.image.shape[0]),
            reader.time_base,
            reader.rate,
            sound=reader.audio_streams,
            start_s=reader.start_s,
            threads=self.threads,
            warn=self._warn,
        )

    def _warn(self, text: str) -> None:
        sentence = f"{self.outcome.path}: {text}"
        self.errors.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _with_first_frame(parts: _Parts) -> tuple[FilmFrame, _Parts]:
    """Return the first picture, and all parts again: only it tells the upright size."""
    before: list[FilmFrame | AudioPacket] = []
    for part in parts:
        before.append(part)
        if isinstance(part, FilmFrame):
            return part, chain(before, parts)
    raise AssertionError("FilmReader.parts ended without a picture or an error")


def _check_places(path: Path, out: Path | None) -> None:
    """Refuse a place for the film that would harm something.

    Raises:
        FilmNotWrittenError: the place is the film itself, or a folder.
    """
    if out is None:
        return
    if out.is_dir():
        raise FilmNotWrittenError(f"{out}: is a folder; name a film in it, like labelled.mp4")
    if out.exists() and path.exists() and out.samefile(path):
        raise FilmNotWrittenError(f"--out would overwrite the film itself: {out}")
