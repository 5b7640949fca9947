"""`facepose image`: a person's own pictures in; JSON lines, a table or drawn pictures out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from schemas.analysis import DetectionPlan, ModelChoices
from schemas.messages import EXPRESSIONS
from workers.analyzer import DEFAULT_MODELS, Device, FaceAnalyzer
from workers.decode import Image, read_picture
from workers.drawing import draw_faces, likeliest_expression
from workers.errors import DecodeError, WorkersError
from workers.face import Face
from workers.stages import DEFAULT_PLAN, View

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif"}
)
_WRITABLE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
_PROGRESS_FROM = 5


@dataclass(frozen=True, slots=True)
class Analysed:
    """One path with its faces, or with the reason why there are none."""

    path: Path
    width: int = 0
    height: int = 0
    faces: Sequence[Face] = ()
    error: str | None = None


def run_image(
    paths: Sequence[Path],
    *,
    as_json: bool = False,
    draw: Path | None = None,
    expression: bool = True,
    models: ModelChoices = DEFAULT_MODELS,
    detection: DetectionPlan = DEFAULT_PLAN,
    device: Device = "auto",
    threads: int | None = None,
) -> int:
    """Analyse pictures and show what was found.

    Args:
        paths: pictures, or folders whose pictures are taken.
        as_json: one JSON object a picture on stdout, instead of a table.
        draw: where to write annotated pictures: a file for one picture, else a folder.
        expression: also measure expressions.
        models: which network does each step.
        detection: what the detector looks at.
        device: see `FaceAnalyzer.load`.
        threads: see `FaceAnalyzer.load`.

    Returns:
        The exit status: 0, or 1 when a picture could not be read or written.

    Raises:
        WeightsError, EngineError: nothing could be analysed at all.
    """
    pictures = list(pictures_in(paths))
    analyzer = FaceAnalyzer.load(device, models=models, expression=expression, threads=threads)
    targets = _targets(pictures, draw)
    status = 0
    with Progress(
        console=Console(stderr=True), transient=True, disable=len(pictures) < _PROGRESS_FROM
    ) as progress:
        for picture in progress.track(pictures, description="pictures"):
            result = analyse_picture(analyzer, picture, targets.get(picture), detection)
            status = max(status, int(result.error is not None))
            typer.echo(json.dumps(as_record(result))) if as_json else _show(result)
    return status


def pictures_in(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the paths, folders replaced by the pictures in them; empty folders stay."""
    for path in paths:
        inside = sorted(_pictures(path)) if path.is_dir() else []
        yield from inside or [path]


def analyse_picture(
    analyzer: FaceAnalyzer,
    path: Path,
    target: Path | None,
    detection: DetectionPlan = DEFAULT_PLAN,
) -> Analysed:
    """Return one picture's faces; what goes wrong with it stands in the answer."""
    if path.is_dir():
        return Analysed(path, error="no pictures in this folder")
    try:
        image = read_picture(path)
        (faces,) = analyzer.analyze([image], [View(detection=detection)])
        if target is not None:
            _write(target, draw_faces(image, faces), source=path)
    except (DecodeError, _NotWrittenError) as exc:
        return Analysed(path, error=str(exc))
    return Analysed(path, image.shape[1], image.shape[0], faces)


def as_record(result: Analysed) -> dict[str, Any]:
    """Return the JSON form of one picture (DESIGN: pixels of the original picture)."""
    if result.error is not None:
        return {"path": str(result.path), "error": result.error}
    return {
        "path": str(result.path),
        "width": result.width,
        "height": result.height,
        "faces": [face_record(face) for face in result.faces],
    }


def face_record(face: Face, *, points: bool = True) -> dict[str, Any]:
    """Return the JSON form of one face: .01 px, .01 degrees, four digits of a probability.

    Without `points`, its landmarks are left out: nine tenths of the text.
    """
    record: dict[str, Any] = {
        "box_xyxy": [round(value, 2) for value in face.box_xyxy],
        "confidence": round(face.confidence, 4),
        "quality": round(face.quality, 3),
        "static": face.static,
        "yaw_deg": _rounded(face.yaw_deg),
        "pitch_deg": _rounded(face.pitch_deg),
        "roll_deg": _rounded(face.roll_deg),
        "eye_openness": None,
        "expression": None,
    }
    if face.eye_openness is not None:
        record["eye_openness"] = [round(value, 3) for value in face.eye_openness]
    if face.expression_probs is not None:
        probs = (round(p, 4) for p in face.expression_probs)
        record["expression"] = dict(zip(EXPRESSIONS, probs, strict=True))
    if points:
        marks = face.landmarks_xy.tolist()
        record["landmarks_xy"] = [[round(x, 2), round(y, 2)] for x, y in marks]
    return record


class _NotWrittenError(WorkersError):
    """An annotated picture could not be written."""


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)


def _targets(pictures: Sequence[Path], draw: Path | None) -> dict[Path, Path]:
    """Return where each picture's drawing goes; names that repeat are numbered."""
    if draw is None:
        return {}
    if len(pictures) == 1 and draw.suffix.lower() in _WRITABLE_SUFFIXES and not draw.is_dir():
        return {pictures[0]: draw}
    targets: dict[Path, Path] = {}
    taken: set[Path] = set()
    for picture in pictures:
        suffix = picture.suffix if picture.suffix.lower() in _WRITABLE_SUFFIXES else ".png"
        target, number = draw / f"{picture.stem}{suffix}", 1
        while target in taken:
            number += 1
            target = draw / f"{picture.stem}-{number}{suffix}"
        taken.add(target)
        targets[picture] = target
    return targets


def _write(target: Path, image: Image, source: Path) -> None:
    if target.exists() and target.samefile(source):
        raise _NotWrittenError(f"--draw would overwrite the picture itself: {target}")
    ok, data = cv2.imencode(target.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not ok:
        raise _NotWrittenError(f"cannot encode {target}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.tobytes())
    except OSError as exc:
        raise _NotWrittenError(f"cannot write {target}: {exc.strerror or exc}") from exc


def _show(result: Analysed) -> None:
    console = Console()
    if result.error is not None:
        Console(stderr=True).print(f"{result.path}: {result.error}", style="red", markup=False)
        return
    title = f"{result.path}: {result.width} x {result.height}, {len(result.faces)} faces"
    table = Table("box", "conf.", "yaw", "pitch", "roll", "eyes", "expression", title=title)
    for face in result.faces:
        angles = (face.yaw_deg, face.pitch_deg, face.roll_deg)
        table.add_row(
            " ".join(f"{value:.0f}" for value in face.box_xyxy),
            f"{face.confidence:.2f}",
            *("-" if angle is None else f"{round(angle):+d}" for angle in angles),
            " ".join(f"{value:.2f}" for value in face.eye_openness or ()) or "-",
            likeliest_expression(face) or "-",
        )
    console.print(table)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
