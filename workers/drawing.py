"""Draw what was found into a copy of the picture."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.messages import EXPRESSIONS
from workers.face import Face
from workers.geometry.head_pose import rotation_from_angles

Image = NDArray[np.uint8]
_Rectangle = tuple[int, int, int, int]
"""Left, top, width, height."""

_LEGIBLE_LONG_SIDE_PX = 1280
_MAX_ENLARGEMENT = 4.0
_BOX = (255, 210, 0)
_POINT = (120, 255, 160)
_AXES = ((255, 80, 80), (80, 230, 80), (90, 150, 255))
"""Red to the face's image-right, green up, blue where the nose points."""
_NOSE_TIP = 1
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_faces(image: Image, faces: Sequence[Face]) -> Image:
    """Return a picture with boxes, landmarks, pose axes and labels.

    A small picture is enlarged first, so that the text can be read.

    Args:
        image: (H, W, 3) uint8 RGB, left as it is.
        faces: as the analyzer found them in it.
    """
    scale = min(max(1.0, _LEGIBLE_LONG_SIDE_PX / max(image.shape[:2])), _MAX_ENLARGEMENT)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    canvas = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    for face in faces:
        _draw_shapes(canvas, face, scale)
    # Labels last: no other face's points lie on them.
    _draw_labels(canvas, faces, scale)
    return canvas


def _draw_shapes(canvas: Image, face: Face, scale: float) -> None:
    thickness = max(1, round(max(canvas.shape[:2]) / 900))
    x0, y0, x1, y1 = (round(value * scale) for value in face.box_xyxy)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), _BOX, thickness, cv2.LINE_AA)
    _draw_points(canvas, np.rint(face.landmarks_xy * scale).astype(int), y1 - y0)
    _draw_axes(canvas, face, scale, thickness + 1)


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
    start = face.landmarks_xy[_NOSE_TIP] * scale
    length = 0.6 * face.height_px * scale
    for axis, colour in zip(rotation.T, _AXES, strict=True):
        # The picture's y runs down.
        end = start + length * axis[:2] * (1, -1)
        tail, head = np.rint((start, end)).astype(int).tolist()
        cv2.arrowedLine(canvas, tail, head, colour, thickness, cv2.LINE_AA, tipLength=0.15)


def label_lines(face: Face) -> list[str]:
    """Return what is written at a face: its angles, and its likeliest expression if known."""
    lines = ["no pose"]
    if face.yaw_deg is not None and face.pitch_deg is not None and face.roll_deg is not None:
        yaw, pitch, roll = (round(a) for a in (face.yaw_deg, face.pitch_deg, face.roll_deg))
        lines = [f"yaw {yaw:+d} pitch {pitch:+d} roll {roll:+d}"]
    expression = likeliest_expression(face)
    return [*lines, expression] if expression else lines


def likeliest_expression(face: Face) -> str | None:
    """Return the likeliest expression with its probability in percent, if known."""
    if face.expression_probs is None:
        return None
    best = int(np.argmax(face.expression_probs))
    return f"{EXPRESSIONS[best]} {100 * face.expression_probs[best]:.0f} %"


def _draw_labels(canvas: Image, faces: Sequence[Face], scale: float) -> None:
    """Write each face's label above it, or where it hides no other label."""
    taken: list[_Rectangle] = []
    for face in faces:
        lines = label_lines(face)
        height_px = max(10, min(15, round(face.height_px * scale / 9)))
        font = cv2.getFontScaleFromHeight(_FONT, height_px)
        width = max(cv2.getTextSize(line, _FONT, font, 1)[0][0] for line in lines) + 8
        step = round(height_px * 1.6)
        left, top = _free_place(canvas, face, scale, (width, step * len(lines) + 4), taken)
        patch = canvas[top : top + step * len(lines) + 4, left : left + width]
        patch[:] = patch // 4
        for row, line in enumerate(lines):
            place = (left + 4, top + step * row + round(height_px * 1.3))
            cv2.putText(canvas, line, place, _FONT, font, (255, 255, 255), 1, cv2.LINE_AA)


def _free_place(
    canvas: Image, face: Face, scale: float, size: tuple[int, int], taken: list[_Rectangle]
) -> tuple[int, int]:
    """Return the label's corner, and remember it: above, below, left or right of the face."""
    x0, y0, x1, y1 = (round(value * scale) for value in face.box_xyxy)
    width, height = size
    places = [
        (x0, y0 - height - 2), (x0, y1 + 2), (x1 - width, y0 - height - 2),
        (x0 - width - 2, y0), (x1 + 2, y0), (x0, y0 - 2 * height - 4),
    ]  # fmt: skip
    corners = [
        (max(0, min(x, canvas.shape[1] - width)), max(0, min(y, canvas.shape[0] - height)))
        for x, y in places
    ]
    free = [(x, y) for x, y in corners if not any(_meet((x, y, *size), other) for other in taken)]
    left, top = (free or corners)[0]
    taken.append((left, top, width, height))
    return left, top


def _meet(a: _Rectangle, b: _Rectangle) -> bool:
    return all(a[i] < b[i] + b[i + 2] and b[i] < a[i] + a[i + 2] for i in (0, 1))
