"""Head pose on turned faces: what each way to the angles reaches, and what it costs.

    python -m tests.studies.head_pose --data ../shared/data [--every 1] [--only sizes …]
                                      [--json figures.json]

Writes Markdown tables. Needs the weights `sixdrepnet360` (facepose weights pull sixdrepnet360).
All of it takes about 10 minutes on one idle core.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import openvino
from rich.console import Console
from rich.progress import track

from tests.studies.head_pose_heads import (
    Head,
    Networks,
    drawn,
    film_tracks,
    pointing04,
    reduced,
    rolled,
)
from tests.studies.head_pose_learned import held_out_stretches, held_out_yaws
from tests.studies.head_pose_methods import METHODS, angles, geodesic_deg
from workers.engines import openvino_engine
from workers.geometry.head_pose import rotation_from_angles
from workers.geometry.pose_smoothing import PoseSmoother
from workers.models import mediapipe478, sixdrepnet360

YAW_BINS = ((0, 30), (45, 60), (75, 90))
PITCH_BINS = ((0, 15), (30, 30), (60, 60))
SIX_BINS = ((0, 30), (30, 45), (45, 60), (60, 120))
HEIGHTS_PX = (64, 48, 40, 32, 24, 16)
FILMS = ("female-and-male", "female", "male")
Table = list[list[str]]


def main() -> None:
    parts: dict[str, Callable[[Path, Networks, int], Table]] = {
        "pointing": on_pointing04,
        "sizes": by_size,
        "drawn": on_drawn_heads,
        "rolled": on_rolled_heads,
        "films": on_films,
        "cost": cost,
    }
    parser = argparse.ArgumentParser(description="Study the ways to head pose.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    parser.add_argument("--only", nargs="*", choices=parts, default=list(parts))
    parser.add_argument("--json", type=Path, help="write the tables here, too")
    chosen = parser.parse_args()
    networks, tables = Networks(), {}
    for part in chosen.only:
        tables[part] = parts[part](chosen.data, networks, chosen.every)
        write(part, tables[part])
        if chosen.json:
            chosen.json.write_text(json.dumps(tables, indent=1), encoding="utf-8")


def on_pointing04(data: Path, networks: Networks, every: int) -> Table:
    """Mean absolute errors against what people were asked for, and the spread between methods."""
    heads, seen = measured(pointing04(data, networks, every), networks, "Pointing'04")
    yaw, pitch = truth(heads)
    six = angles(seen["six"])[0]
    bins = [f"yaw, \\|yaw\\| {a}–{b}" for a, b in YAW_BINS]
    bins += [f"pitch, \\|yaw\\| {a}–{b}" for a, b in YAW_BINS]
    bins += [f"pitch, \\|pitch\\| {a}–{b}" for a, b in PITCH_BINS]
    bins += [f"yaw from six, six {a}–{b}" for a, b in SIX_BINS]
    table = [["method", "yaw", "pitch", *bins]]
    groups = np.array([head.group for head in heads])
    answers = {name: angles(method(seen))[:2] for name, method in METHODS.items()}
    unknown = np.full(len(heads), np.nan)
    answers |= {name: (found, unknown) for name, found in held_out_yaws(seen, groups).items()}
    for name, (found_yaw, found_pitch) in answers.items():
        yaw_error, pitch_error = np.abs(found_yaw - yaw), np.abs(found_pitch - pitch)
        cells = [yaw_error.mean(), pitch_error.mean()]
        cells += [yaw_error[within(yaw, *edges)].mean() for edges in YAW_BINS]
        cells += [pitch_error[within(yaw, *edges)].mean() for edges in YAW_BINS]
        cells += [pitch_error[within(pitch, *edges)].mean() for edges in PITCH_BINS]
        apart = np.abs(found_yaw - six)
        cells += [apart[within(six, *edges)].mean() for edges in SIX_BINS]
        table.append([name, *figures(cells)])
    sys.stdout.write(f"\nStretch beyond 30 degrees: {held_out_stretches(seen, groups)}\n")
    write("mean of the found yaw, by the asked-for yaw", found_by_asked(yaw, seen))
    return table


def by_size(data: Path, networks: Networks, every: int) -> Table:
    """Against six on the full picture, which is no truth, and against what was asked for."""
    heads, full = measured(pointing04(data, networks, 5 * every), networks, "full size")
    yaw, _ = truth(heads)
    six = angles(full["six"])[0]
    names = ("mesh", "mesh_corrected", "sixdrepnet360", "blend")
    table = [["face px", "method", "asked-for yaw", *(f"six {a}–{b}" for a, b in SIX_BINS)]]
    for height in HEIGHTS_PX:
        small = (reduced(head, height) for head in heads)
        _, seen = measured(small, networks, f"{height} px", len(heads))
        for name in names:
            found = angles(METHODS[name](seen))[0]
            cells = [np.abs(found - yaw).mean()]
            cells += [np.abs(found - six)[within(six, *edges)].mean() for edges in SIX_BINS]
            table.append([str(height), name, *figures(cells)])
    return table


def on_drawn_heads(_data: Path, networks: Networks, every: int) -> Table:
    """Heads of known turn; the landmark network knows such heads better than real ones."""
    heads, seen = measured(drawn(networks, max(1, 3 // every), 90), networks, "drawn heads")
    yaw, pitch = truth(heads)
    true = np.array([rotation_from_angles(y, p, 0) for y, p in zip(yaw, pitch, strict=True)])
    turns = sorted(set(np.abs(yaw)))
    table = [["method", "figure", *(f"yaw {turn:.0f}" for turn in turns)]]
    for name in ("mesh", "mesh_corrected", "sixdrepnet360", "blend"):
        rotations = METHODS[name](seen)
        found_yaw = angles(rotations)[0] * np.where(yaw < 0, -1, 1)
        error = geodesic_deg(rotations, true)
        chosen = [np.abs(yaw) == turn for turn in turns]
        table.append([name, "mean yaw", *figures(found_yaw[c].mean() for c in chosen)])
        table.append([name, "geodesic error", *figures(error[c].mean() for c in chosen)])
    return table


def on_rolled_heads(data: Path, networks: Networks, every: int) -> Table:
    """How far a picture turned by a known angle turns the answer by another."""
    heads, upright = measured(pointing04(data, networks, 12 * every), networks, "upright")
    table = [["picture turned by", "mesh", "sixdrepnet360"]]
    for turn in (-45, -30, 30, 45):
        turned = (rolled(head, turn) for head in heads)
        _, seen = measured(turned, networks, f"turned by {turn}", len(heads))
        by = rotation_from_angles(0.0, 0.0, turn)
        errors = (geodesic_deg(seen[name], by @ upright[name]).mean() for name in ("mesh", "six"))
        table.append([f"{turn}°", *figures(errors)])
    return table


def on_films(data: Path, networks: Networks, _every: int) -> Table:
    """Jitter from frame to frame, and how many frames the smoothed yaw trails the measured."""
    table = [["film, face", "frames", "jitter measured", "jitter smoothed", "lag, frames"]]
    for film in FILMS:
        path = data / "videos_ccby_intel" / f"intel_head-pose-face-detection-{film}.gif"
        for number, rows in film_tracks(path, networks).items():
            smoother = PoseSmoother()
            smoothed = np.array([smoother.update(0, *row, 1.0) for row in rows.tolist()])
            jitter = [np.abs(np.diff(p, axis=0)).mean() for p in (rows[:, 1:], smoothed)]
            moves = np.ptp(rows[:, 1]) > 30
            lag = f"{trail_frames(rows[:, 1], smoothed[:, 0]):.2f}" if moves else "–"
            table.append([f"{film} {number}", str(len(rows)), *figures(jitter, 2), lag])
    return table


def cost(_data: Path, _networks: Networks, _every: int) -> Table:
    """Time of a face, interleaved, as a ratio to the landmark network's in the same precision."""
    table = [["precision", "landmarks, batch 8", "6DRepNet360, batch 1", "batch 8"]]
    for precision in ("exact", "fast"):
        load = openvino_engine(1, precision)
        marks, six = load(mediapipe478.SPEC), load(sixdrepnet360.SPEC)
        crops = np.zeros((8, 256, 256, 3), np.uint8)
        heads = np.zeros((8, 224, 224, 3), np.uint8)
        runs = ((marks, crops, 8), (six, heads[:1], 1), (six, heads, 8))
        times = [[seconds(run, batch) / size for run, batch, size in runs] for _ in range(7)]
        medians = np.median(np.array(times), axis=0)
        table.append([precision, *figures(medians / medians[0])])
    sys.stdout.write(f"OpenVINO {openvino.__version__}\n")
    return table


def measured(
    heads: Iterable[Head | None], networks: Networks, what: str, total: int | None = None
) -> tuple[list[Head], dict[str, np.ndarray]]:
    """Measure each head that was found; values stacked by their name."""
    found, rows = [], []
    bar = track(heads, what, total=total, console=Console(stderr=True), transient=True)
    for head in bar:
        if head is not None:
            found.append(head)
            rows.append(networks.measured(head))
    return found, {name: np.array([row[name] for row in rows]) for name in rows[0]}


def found_by_asked(yaw: np.ndarray, seen: dict[str, np.ndarray]) -> Table:
    turns = sorted(set(np.abs(yaw)))
    side = np.where(yaw < 0, -1, 1)
    table = [["method", *(f"{turn:.0f}" for turn in turns)]]
    for name in ("mesh", "mesh_corrected", "sixdrepnet360", "blend"):
        found = angles(METHODS[name](seen))[0] * side
        table.append([name, *figures(found[np.abs(yaw) == turn].mean() for turn in turns)])
    presence = [np.median(seen["presence"][np.abs(yaw) == turn]) for turn in turns]
    return [*table, ["median presence", *figures(presence, 3)]]


def trail_frames(measured_deg: np.ndarray, smoothed_deg: np.ndarray) -> float:
    """Return the delay of the measured angles that comes nearest to the smoothed ones."""
    frames = np.arange(len(measured_deg))
    delays = np.arange(0.0, 3.0, 0.05)
    delayed = (np.interp(frames - delay, frames, measured_deg) for delay in delays)
    return float(delays[np.argmin([np.abs(one - smoothed_deg)[3:].mean() for one in delayed])])


def truth(heads: list[Head]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([h.yaw_deg for h in heads]), np.array([h.pitch_deg for h in heads])


def within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return (np.abs(values) >= low) & (np.abs(values) <= high)


def seconds(run: Callable[[np.ndarray], object], batch: np.ndarray) -> float:
    started = time.perf_counter()
    run(batch)
    return time.perf_counter() - started


def figures(values: Iterable[float], digits: int = 1) -> list[str]:
    return ["–" if np.isnan(value) else f"{value:.{digits}f}" for value in values]


def write(title: str, table: Table) -> None:
    head, *rows = [f"| {' | '.join(row)} |" for row in table]
    lines = [f"\n{title}\n", head, "|" + "---|" * len(table[0]), *rows]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
