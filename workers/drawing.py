"""Draw what was found into a copy of the picture."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.messages import EXPRESSIONS
from workers.face import Face
from workers.geometry.head_pose import rotation_from_angles
from workers.label_places import Rectangle, place_labels

Image = NDArray[np.uint8]
_Colour = tuple[int, int, int]

_LEGIBLE_LONG_SIDE_PX = 1280
_MAX_ENLARGEMENT = 4.0
_BOX = (255, 210, 0)
_POINT = (120, 255, 160)
_AXES = ((255, 80, 80), (80, 230, 80), (90, 150, 255))
"""Red to the face's image-right, green up, blue where the nose points."""
_NOSE_TIP = {478: 1, 98: 54}
"""By the number of landmarks: MediaPipe's numbering, and WFLW's."""
_FAINT_QUALITY = 0.3
"""Below it a face is drawn thinner, like one that never moves: its angles mean little."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_GOLDEN = 0.618034


@dataclass(frozen=True, slots=True)
class Style:
    """How the faces of one picture are drawn.

    Attributes:
        scale: drawn pixels for a pixel of the picture.
        line_px: thickness of a line.
        points: whether landmarks are drawn.
    """

    scale: float
    line_px: int
    points: bool


def drawn_size(width: int, height: int) -> tuple[int, int]:
    """Return the size at which a picture is drawn: a small one larger, so that text is legible."""
    scale = min(max(1.0, _LEGIBLE_LONG_SIDE_PX / max(width, height)), _MAX_ENLARGEMENT)
    return round(width * scale), round(height * scale)


def draw_faces(
    image: Image, faces: Sequence[Face], tracks: Sequence[int] | None = None, *, points: bool = True
) -> Image:
    """Return a picture with boxes, landmarks, pose axes and labels.

    Args:
        image: (H, W, 3) uint8 RGB, left as it is.
        faces: as the analyzer found them in it.
        tracks: each face's track number, which gives it its colour; 0 for none.
        points: also draw the landmarks.
    """
    size = drawn_size(image.shape[1], image.shape[0])
    canvas = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    if canvas is image or np.shares_memory(canvas, image):
        canvas = canvas.copy()
    style = Style(size[0] / image.shape[1], max(1, round(max(size) / 640)), points)
    numbers = list(tracks) if tracks is not None else [0] * len(faces)
    for face, number in zip(faces, numbers, strict=True):
        _draw_shapes(canvas, face, track_colour(number), style)
    # Labels last: no other face's points lie on them.
    _draw_labels(canvas, faces, numbers, style)
    return canvas


def track_colour(number: int) -> _Colour:
    """Return a light colour that stays with a track; neighbouring numbers differ most."""
    if not number:
        return _BOX
    hue = (0.13 + (number - 1) * _GOLDEN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.6, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def is_faint(face: Face) -> bool:
    """Whether a face is drawn thinner: a poster, or one that is hardly seen."""
    return face.static or face.quality < _FAINT_QUALITY


def label_lines(face: Face, track: int = 0) -> list[str]:
    """Return what is written at a face: its number, angles, and likeliest expression if known."""
    number = f"#{track} " if track else ""
    lines = [f"{number}no pose"]
    if face.yaw_deg is not None and face.pitch_deg is not None and face.roll_deg is not None:
        yaw, pitch, roll = (round(a) for a in (face.yaw_deg, face.pitch_deg, face.roll_deg))
        lines = [f"{number}yaw {yaw:+d} pitch {pitch:+d} roll {roll:+d}"]
    expression = likeliest_expression(face)
    lines += [expression] if expression else []
    return [*lines, "does not move"] if face.static else lines


def likeliest_expression(face: Face) -> str | None:
    """Return the likeliest expression with its probability in percent, if known."""
    if face.expression_probs is None:
        return None
    best = int(np.argmax(face.expression_probs))
    return f"{EXPRESSIONS[best]} {100 * face.expression_probs[best]:.0f} %"


def _draw_shapes(canvas: Image, face: Face, colour: _Colour, style: Style) -> None:
    thickness = 1 if is_faint(face) else style.line_px
    x0, y0, x1, y1 = (round(value * style.scale) for value in face.box_xyxy)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, thickness, cv2.LINE_AA)
    if style.points:
        _draw_points(canvas, np.rint(face.landmarks_xy * style.scale).astype(int), y1 - y0)
    _draw_axes(canvas, face, style.scale, thickness + (not is_faint(face)))


def _draw_points(canvas: Image, points_xy: NDArray[np.int_], face_height_px: int) -> None:
    # On a small face, discs would hide the face: single pixels there.
    if face_height_px < 120:
        limits = (canvas.shape[1], canvas.shape[0])
        x, y = points_xy[((points_xy >= 0) & (points_xy < limits)).all(axis=1)].T
        canvas[y, x] = _POINT
        return
    for x, y in points_xy.tolist():
        cv2.circle(canvas, (x, y), max(1, face_height_px // 250), _POINT, -1, cv2.LINE_AA)


def _draw_axes(canvas: Image, face: Face, scale: float, thickness: int) -> None:
    if face.yaw_deg is None or face.pitch_deg is None or face.roll_deg is None:
        return
    rotation = rotation_from_angles(face.yaw_deg, face.pitch_deg, face.roll_deg)
    start = _nose(face) * scale
    length = 0.6 * face.height_px * scale
    for axis, colour in zip(rotation.T, _AXES, strict=True):
        # The picture's y runs down.
        end = start + length * axis[:2] * (1, -1)
        tail, head = np.rint((start, end)).astype(int).tolist()
        cv2.arrowedLine(canvas, tail, head, colour, thickness, cv2.LINE_AA, tipLength=0.15)


def _nose(face: Face) -> NDArray[np.float32]:
    tip = _NOSE_TIP.get(len(face.landmarks_xy))
    x0, y0, x1, y1 = face.box_xyxy
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    return np.array(middle if tip is None else face.landmarks_xy[tip], np.float32)


@dataclass(frozen=True, slots=True)
class _Label:
    lines: list[str]
    font: float
    step_px: int
    size: tuple[int, int]


def _draw_labels(
    canvas: Image, faces: Sequence[Face], numbers: Sequence[int], style: Style
) -> None:
    boxes = [_scaled_box(face, style.scale) for face in faces]
    labels = [_label(face, track, style) for face, track in zip(faces, numbers, strict=True)]
    corners = place_labels(boxes, [label.size for label in labels], canvas.shape[1::-1])
    for label, (left, top), number in zip(labels, corners, numbers, strict=True):
        width, height = label.size
        patch = canvas[top : top + height, left : left + width]
        patch[:] = patch // 4
        patch[:, : 2 * style.line_px] = track_colour(number)
        for row, line in enumerate(label.lines):
            place = (left + 4 + 2 * style.line_px, top + round(label.step_px * (row + 0.8)))
            cv2.putText(canvas, line, place, _FONT, label.font, (255, 255, 255), 1, cv2.LINE_AA)


def _label(face: Face, track: int, style: Style) -> _Label:
    lines = label_lines(face, track)
    # Never smaller than legible; larger with the picture, so that a 4K film can be read too.
    text_px = max(11, min(17, round(face.height_px * style.scale / 9))) * max(2, style.line_px) // 2
    font = cv2.getFontScaleFromHeight(_FONT, text_px)
    width = max(cv2.getTextSize(line, _FONT, font, 1)[0][0] for line in lines)
    step = round(text_px * 1.6)
    return _Label(lines, font, step, (width + 8 + 2 * style.line_px, step * len(lines) + 4))


def _scaled_box(face: Face, scale: float) -> Rectangle:
    x0, y0, x1, y1 = (round(value * scale) for value in face.box_xyxy)
    return x0, y0, x1 - x0, y1 - y0
