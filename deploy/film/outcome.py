"""How far a film was analysed, and what is said about it at the end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console

from deploy import exit_codes
from deploy.film.film_reader import Damage, FilmFrame
from deploy.film.track_summary import TrackSummaries, summary_table

INTERRUPTED: Final = 130


@dataclass(slots=True)
class Outcome:
    """What came of one film.

    Attributes:
        path: of the film.
        out: where the labelled film was to go.
        width: of its pictures, upright [px].
        height: [px]
        frames: so many were read (and written).
        analysed: so many of them were analysed.
        seconds: time of the last one in the film [s].
        damage: what could not be decoded.
        sound: what became of each stream of sound in the labelled film.
        tracks: who was seen.
        error: why it ended early.
        interrupted: it was stopped.
    """

    path: Path
    out: Path | None = None
    width: int = 0
    height: int = 0
    frames: int = 0
    analysed: int = 0
    seconds: float = 0.0
    damage: Damage = field(default_factory=Damage)
    sound: list[str] = field(default_factory=list)
    tracks: TrackSummaries = field(default_factory=TrackSummaries)
    error: str | None = None
    interrupted: bool = False

    def note(self, frame: FilmFrame) -> None:
        """Count a frame that is done."""
        self.frames = frame.index + 1
        self.seconds = frame.at_s

    @property
    def written(self) -> Path | None:
        """The labelled film, if there is one."""
        return self.out if self.frames and self.out is not None and self.out.exists() else None

    @property
    def status(self) -> int:
        """The exit status."""
        if self.interrupted:
            return INTERRUPTED
        return exit_codes.OK if self.error is None else exit_codes.FAILED

    def as_record(self) -> dict[str, Any]:
        """Return the last line of the JSON."""
        return {
            "summary": {
                "path": str(self.path),
                "out": None if self.written is None else str(self.written),
                "width": self.width,
                "height": self.height,
                "frames": self.frames,
                "analysed": self.analysed,
                "seconds": round(self.seconds, 3),
                "damaged_packets": self.damage.packets,
                "missing_s": self.damage.missing_s,
                "damaged_at_s": self.damage.first_at_s,
                "sound": self.sound,
                "interrupted": self.interrupted,
                "error": self.error,
                "tracks": [track.as_record() for track in self.tracks],
            }
        }


def show_outcome(outcome: Outcome, errors: Console, *, as_json: bool) -> None:
    """Tell the end: figures on stdout; what went wrong, and what was kept, on stderr."""
    if as_json:
        typer.echo(json.dumps(outcome.as_record()))
    elif outcome.frames:
        size = f"{outcome.width} x {outcome.height}"
        typer.echo(f"{outcome.path}: {size}, {_how_much(outcome)}")
        if len(outcome.tracks):
            Console().print(summary_table(outcome.tracks))
    for text, style in _remarks(outcome):
        errors.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _how_much(outcome: Outcome) -> str:
    count = f"{outcome.frames} frames in {outcome.seconds:.2f} s"
    if outcome.analysed != outcome.frames:
        count += f", {outcome.analysed} analysed"
    return f"{count}, {len(outcome.tracks)} tracks"


def _remarks(outcome: Outcome) -> list[tuple[str, str]]:
    """Return sentences and their colours."""
    remarks = []
    if outcome.damage.first_at_s is not None or outcome.damage.packets:
        remarks.append((f"{outcome.path}: {_damage(outcome.damage)}", "yellow"))
    if outcome.error is not None:
        remarks.append((outcome.error, "red"))
    if outcome.interrupted:
        remarks.append((f"{outcome.path}: stopped at {outcome.seconds:.2f} s", "yellow"))
    if outcome.written is not None:
        early = outcome.interrupted or outcome.error is not None
        what = f"the first {outcome.frames} frames are" if early else "written:"
        text = f"{what} in {outcome.out}" if early else f"{what} {outcome.out}"
        remarks.append((text, "green" if not early else "yellow"))
    return remarks


def _damage(damage: Damage) -> str:
    parts = [f"{damage.packets} damaged packets"] if damage.packets else []
    parts += [f"{damage.missing_s:.1f} s without pictures"] if damage.missing_s else []
    where = "" if damage.first_at_s is None else f", the first at {damage.first_at_s:.2f} s"
    return " and ".join(parts) + where
