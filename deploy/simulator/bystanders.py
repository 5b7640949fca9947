"""People in the picture who are nobody's student: who walks past, and a face on a poster."""

from typing import Final

import cv2
import numpy as np

from deploy.simulator.cutout import Picture
from deploy.simulator.figure import Figure
from deploy.simulator.head import Floats
from deploy.simulator.scene import Camera
from deploy.simulator.script import Passer, Poster
from workers.geometry.canonical_mesh import CanonicalMesh

PASSER_BODY_CM: Final = 140.0
POSTER_LOOKS_DEG: Final = (0.0, 0.0, 0.0)
PASSER_NECK_M: Final = 1.48
_PASSER_REACH_M: Final = 2.4
_PASSER_M_PER_S: Final = 1.1
_PAPER_CM: Final = ((-26.0, -28.0), (26.0, 14.0))  # about the neck: left and top, right and bottom
_PAPER: Final = (238, 236, 228)
_CHEST_CM: Final = 13.0


def passer_necks_m(passer: Passer, time_s: Floats) -> Floats:
    """(n, 3) where the neck of somebody who walks past is; nan before and after."""
    metres = (time_s - passer.start_s) * _PASSER_M_PER_S - _PASSER_REACH_M
    x = np.where(np.abs(metres) <= _PASSER_REACH_M, metres * passer.direction, np.nan)
    y, z = np.full_like(x, PASSER_NECK_M), np.full_like(x, passer.z_m)
    necks: Floats = np.stack([x, np.where(np.isnan(x), np.nan, y), z], axis=1)
    return necks


def passer_looks_deg(passer: Passer) -> tuple[float, float, float]:
    """Yaw, pitch and roll that a camera sees of somebody who walks past."""
    return passer.yaw_deg * passer.direction, -4.0, 0.0


def draw_poster(picture: Picture, mesh: CanonicalMesh, camera: Camera, poster: Poster) -> None:
    """Hang a poster onto the background, in place."""
    neck = np.array(poster.neck_m)
    scale = camera.px_per_cm(neck)
    x, y, _ = (round(float(v)) for v in camera.project(neck))
    (left, top), (right, bottom) = (
        (x + round(dx * scale), y + round(dy * scale)) for dx, dy in _PAPER_CM
    )
    cv2.rectangle(picture, (left, top), (right, bottom), _PAPER, cv2.FILLED)
    figure = Figure(mesh, poster.seed, scale, _CHEST_CM)
    nobody = np.zeros(picture.shape[:2], np.uint8)
    figure.body.lay_on(picture, nobody, (x, y), 0)
    figure.sprite(POSTER_LOOKS_DEG, 1.0, 0.0).cutout.lay_on(picture, nobody, (x, y), 0)
