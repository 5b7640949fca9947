"""Seats drawn over an empty picture, one panel a camera: never a photo of anybody."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from deploy.seating.found import CameraSeats
from schemas.errors import SettingsError

PANEL: Final = (640, 360)  # a picture of 16:9 [px]
MARGIN: Final = 24
HEADER: Final = 34
FOOTER: Final = 30
LEGEND: Final = 34
FORMATS: Final = (".svg", ".png")
_PNG_SCALE: Final = 2
_TWO_LINES: Final = 34  # px that a seat needs for its label over how often it was taken
_INK, _PAPER, _PICTURE, _EDGE = "#1f2933", "#ffffff", "#f1f3f5", "#9aa5b1"
_DRAWN, _FOUND = "#2364aa", "#b35c00"


Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Shape:
    """A closed outline; an empty colour is none."""

    points: Points
    stroke: str = ""
    fill: str = ""
    opacity: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class Words:
    """A line of text; `middle` or `start` of it at x."""

    x: float
    y: float
    text: str
    size: int
    anchor: str = "start"
    bold: bool = False


@dataclass(frozen=True)
class Drawing:
    """What is drawn, in the order in which it is drawn [px]."""

    width: int
    height: int
    parts: tuple[Shape | Words, ...]


def check_format(path: Path) -> None:
    """Raises: SettingsError: it is none of the formats that can be written."""
    if path.suffix.lower() not in FORMATS:
        raise SettingsError(f"{path.name}: a drawing is written as {' or '.join(FORMATS)}")


def write_drawing(path: Path, title: str, cameras: Sequence[CameraSeats]) -> None:
    """Draw the seats to an SVG or PNG file, by its name's end.

    Raises:
        SettingsError: it is none of these.
        OSError: the file cannot be written.
    """
    check_format(path)
    drawing = draw(title, cameras)
    if path.suffix.lower() == ".svg":
        path.write_text(as_svg(drawing), encoding="utf-8")
    else:
        path.write_bytes(as_png(drawing))


def draw(title: str, cameras: Sequence[CameraSeats]) -> Drawing:
    """Panels side by side, at most two in a row."""
    columns = min(2, len(cameras))
    rows = math.ceil(len(cameras) / columns)
    panel_w, panel_h = PANEL[0] + MARGIN, PANEL[1] + HEADER + FOOTER
    width, height = MARGIN + columns * panel_w, LEGEND + MARGIN + rows * panel_h
    parts: list[Shape | Words] = [Shape(_box(0, 0, width, height), fill=_PAPER)]
    parts += _legend(title, cameras)
    for number, camera in enumerate(cameras):
        row, column = divmod(number, columns)
        parts += _panel(camera, MARGIN + column * panel_w, LEGEND + HEADER + row * panel_h)
    return Drawing(width, height, tuple(parts))


def _legend(title: str, cameras: Sequence[CameraSeats]) -> list[Shape | Words]:
    parts: list[Shape | Words] = [Words(MARGIN, 26, title, 18, bold=True)]
    x = MARGIN + 14 + 10 * len(title)
    for is_drawn, text in ((True, "drawn in the site file"), (False, "found")):
        if any(camera.seats and camera.is_drawn == is_drawn for camera in cameras):
            parts.append(_seat(_box(x, 14, 16, 12), is_drawn=is_drawn))
            parts.append(Words(x + 22, 25, text, 13))
            x += 50 + 7 * len(text)
    return parts


def _panel(camera: CameraSeats, left: float, top: float) -> list[Shape | Words]:
    width, height = PANEL
    count = f"{len(camera.seats)} seat{'s' if len(camera.seats) != 1 else ''}"
    parts: list[Shape | Words] = [
        Words(left, top - 8, f"{camera.camera_id}: {count}", 14, bold=True),
        Shape(_box(left, top, width, height), stroke=_EDGE, fill=_PICTURE),
        Words(left + width / 2, top + height + 18, "front of the class", 12, "middle"),
    ]
    for seat in camera.seats:
        points = tuple((left + x * width, top + y * height) for x, y in seat.polygon)
        parts.append(_seat(points, is_drawn=seat.taken is None))
        xs, ys = [x for x, _ in points], [y for _, y in points]
        x, y = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
        often = "" if seat.taken is None else f"{seat.taken}/{camera.meetings}"
        if often and max(ys) - min(ys) >= _TWO_LINES:
            parts.append(Words(x, y + 13, often, 10, "middle"))
            y, often = y - 4, ""
        parts.append(Words(x, y + 4, f"{seat.label} {often}".rstrip(), 12, "middle", bold=True))
    return parts


def _seat(points: Points, *, is_drawn: bool) -> Shape:
    colour = _DRAWN if is_drawn else _FOUND
    return Shape(points, stroke=colour, fill=colour, opacity=0.16, dashed=not is_drawn)


def _box(x: float, y: float, w: float, h: float) -> Points:
    return (x, y), (x + w, y), (x + w, y + h), (x, y + h)


def as_svg(drawing: Drawing) -> str:
    """The drawing as a document of its own."""
    size = f'width="{drawing.width}" height="{drawing.height}"'
    view = f'viewBox="0 0 {drawing.width} {drawing.height}"'
    parts = "\n".join(
        _svg_shape(part) if isinstance(part, Shape) else _svg_words(part) for part in drawing.parts
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} '
        f'font-family="sans-serif" fill="{_INK}">\n{parts}\n</svg>\n'
    )


def _svg_shape(shape: Shape) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    fill = f'fill="{shape.fill}" fill-opacity="{shape.opacity:g}"' if shape.fill else 'fill="none"'
    stroke = f' stroke="{shape.stroke}" stroke-width="1.5"' if shape.stroke else ""
    dashes = ' stroke-dasharray="5 3"' if shape.dashed else ""
    return f'<polygon points="{points}" {fill}{stroke}{dashes}/>'


def _svg_words(words: Words) -> str:
    weight = ' font-weight="bold"' if words.bold else ""
    at = f'x="{words.x:.1f}" y="{words.y:.1f}"'
    style = f'font-size="{words.size}" text-anchor="{words.anchor}"{weight}'
    return f"<text {at} {style}>{escape(words.text)}</text>"


def as_png(drawing: Drawing) -> bytes:
    """The drawing as a picture of twice the size."""
    size = (_PNG_SCALE * drawing.height, _PNG_SCALE * drawing.width, 3)
    image = np.full(size, 255, np.uint8)
    for part in drawing.parts:
        if isinstance(part, Shape):
            _paint_shape(image, part)
        else:
            _paint_words(image, part)
    done, data = cv2.imencode(".png", image)
    if not done:
        raise OSError("the picture cannot be encoded")
    return data.tobytes()


def _paint_shape(image: np.ndarray, shape: Shape) -> None:
    points = np.round(np.array(shape.points) * _PNG_SCALE).astype(np.int32)
    if shape.fill:
        filled = image.copy()
        cv2.fillPoly(filled, [points], _bgr(shape.fill))
        cv2.addWeighted(filled, shape.opacity, image, 1.0 - shape.opacity, 0.0, dst=image)
    if shape.stroke:
        cv2.polylines(image, [points], True, _bgr(shape.stroke), _PNG_SCALE, cv2.LINE_AA)


def _paint_words(image: np.ndarray, words: Words) -> None:
    font, scale = cv2.FONT_HERSHEY_DUPLEX, words.size * _PNG_SCALE / 30
    weight = 2 if words.bold else 1
    (width, _), _ = cv2.getTextSize(words.text, font, scale, weight)
    x = words.x * _PNG_SCALE - (width / 2 if words.anchor == "middle" else 0)
    at = (round(x), round(words.y * _PNG_SCALE))
    cv2.putText(image, words.text, at, font, scale, _bgr(_INK), weight, cv2.LINE_AA)


def _bgr(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red
