"""The flat parts of the picture: shoulders, desks, the room behind, the caption."""

from typing import Final

import cv2
import numpy as np

from deploy.simulator.appearance import Appearance, Colour
from deploy.simulator.cutout import Cutout, Picture
from deploy.simulator.head import Floats
from deploy.simulator.scene import ROW_PITCH_M, Camera, Room

_SHIFT: Final = 3
_DESK_BELOW_NECK_M: Final = 0.38
_DESK_M: Final = (0.66, 0.28, 0.42)  # width, gap to the neck, depth
CAPTION: Final = "simulated"


def draw_body(look: Appearance, px_per_cm: float, length_cm: float) -> Cutout:
    """Neck and torso, hanging from the neck's joint.

    Args:
        look: the student.
        px_per_cm: scale.
        length_cm: from the neck's joint to where the body ends.
    """
    darker = _shade(look.skin, 0.72)
    neck = np.array([(-5.0, -3), (5.0, -3), (5.8, 7), (0, 11), (-5.8, 7)])
    torso = np.array(
        [(-6.5, 5.5), (0, 10), (6.5, 5.5), (16, 9), (20.5, 14), (23, 26), (23.5, length_cm),
         (-23.5, length_cm), (-23, 26), (-20.5, 14), (-16, 9)]
    )  # fmt: skip
    arm = np.array([(-14, 22), (-12.5, 22), (-13.5, length_cm), (-15, length_cm)])
    parts = [(neck, darker), (torso, look.clothes), (arm, _shade(look.clothes, 0.8)),
             (arm * (-1, 1), _shade(look.clothes, 0.8))]  # fmt: skip
    low, high = np.array([-24.0, -4.0]), np.array([24.0, length_cm + 0.5])
    return _cut_out(parts, low, high, px_per_cm)


def draw_desk(room: Room, camera: Camera, seat_index: int) -> Cutout:
    """One desk in front of a seat; its reference point is the picture's own origin."""
    x, neck_y, z = room.seats[seat_index].neck_m
    y = neck_y - _DESK_BELOW_NECK_M
    width, gap, depth = _DESK_M
    left, right, back, front = x - width / 2, x + width / 2, z + gap, z + gap + depth
    top = np.array(
        [(left, y, back), (right, y, back),
         (right, y, front), (left, y, front)]
    )  # fmt: skip
    panel = np.array(
        [(left, y, front), (right, y, front),
         (right, y - 0.52, front), (left, y - 0.52, front)]
    )  # fmt: skip
    paper = np.array(
        [(x - 0.12, y, back + 0.12), (x + 0.09, y, back + 0.12),
         (x + 0.09, y, back + 0.36), (x - 0.12, y, back + 0.36)]
    )  # fmt: skip
    parts = [
        (camera.project(panel)[:, :2], (138, 112, 84)),
        (camera.project(top)[:, :2], (186, 156, 116)),
        (camera.project(paper)[:, :2], (232, 232, 226)),
    ]
    everything = np.concatenate([points for points, _ in parts])
    return _cut_out(parts, everything.min(0) - 1, everything.max(0) + 1, 1.0)


def draw_background(room: Room, camera: Camera, seed: int) -> Picture:
    """Back wall with windows and boards, side walls, floor, and a little texture."""
    picture = np.empty((camera.height, camera.width, 3), np.uint8)
    picture[:] = (206, 202, 192)
    depth = -min(seat.neck_m[2] for seat in room.seats) + ROW_PITCH_M * 1.4
    wide = 2.0 + max(abs(seat.neck_m[0]) for seat in room.seats)
    for corners, colour in _planes(wide, depth):
        _fill(picture, _clipped(camera, np.array(corners)), colour)
    rng = np.random.default_rng([seed, 4])
    grain = rng.normal(0, 1.2, (camera.height // 12, camera.width // 12, 1)).astype(np.float32)
    smooth = cv2.resize(grain, (camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
    textured: Picture = np.clip(picture + smooth[..., None], 0, 255).astype(np.uint8)
    return textured


def caption(picture: Picture) -> None:
    """Write "simulated" into the picture's lower right corner, in place."""
    height, width = picture.shape[:2]
    scale = height / 720
    (across, up), _ = cv2.getTextSize(CAPTION, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    x, y = width - across - round(16 * scale), height - round(16 * scale)
    picture[y - up - round(10 * scale) : y + round(10 * scale), x - round(10 * scale) :] = 30
    cv2.putText(picture, CAPTION, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, (240, 240, 240), 2)


def _planes(wide: float, depth: float) -> list[tuple[list[tuple[float, float, float]], Colour]]:
    wall = -depth
    near = -1.5
    planes: list[tuple[list[tuple[float, float, float]], Colour]] = [
        ([(-wide, 0, wall), (wide, 0, wall), (wide, 0, near), (-wide, 0, near)], (150, 140, 126)),
        ([(-wide, 0, wall), (-wide, 3, wall), (-wide, 3, near), (-wide, 0, near)], (190, 188, 180)),
        ([(wide, 0, wall), (wide, 3, wall), (wide, 3, near), (wide, 0, near)], (196, 192, 182)),
    ]
    for x in (-0.72, -0.22, 0.30, 0.74):
        left, right = x * wide - 0.5, x * wide + 0.5
        frame = [(left, 1.5, wall), (right, 1.5, wall), (right, 2.5, wall), (left, 2.5, wall)]
        planes.append((frame, (176, 186, 178) if x < 0 else (188, 206, 222)))
    return planes


def _clipped(camera: Camera, corners: Floats) -> Floats:
    # Corners that lie beside the camera would project behind it: pull them forward.
    corners = corners.copy()
    corners[:, 2] = np.minimum(corners[:, 2], camera.position_m[2] - 1.5)
    return camera.project(corners)[:, :2]


def _fill(picture: Picture, points: Floats, colour: Colour) -> None:
    fixed = np.round(np.clip(points, -8000, 8000) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(picture, [fixed], colour, lineType=cv2.LINE_AA, shift=_SHIFT)


def _cut_out(parts: list[tuple[Floats, Colour]], low: Floats, high: Floats, scale: float) -> Cutout:
    """Draw polygons, four times supersampled, into a picture from `low` to `high`."""
    finer = 4
    start = np.floor(low * scale).astype(int)
    columns, rows = (np.ceil(high * scale).astype(int) - start).tolist()
    colour = np.zeros((rows * finer, columns * finer, 3), np.uint8)
    alpha = np.zeros((rows * finer, columns * finer), np.uint8)
    for points, fill in parts:
        fixed = np.round((points * scale - start) * finer * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(colour, [fixed], fill, shift=_SHIFT)
        cv2.fillPoly(alpha, [fixed], (255,), shift=_SHIFT)
    size = (columns, rows)
    return Cutout(
        np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.uint8),
        np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8),
        (-int(start[0]), -int(start[1])),
    )


def _shade(colour: Colour, share: float) -> Colour:
    red, green, blue = (round(value * share) for value in colour)
    return red, green, blue
