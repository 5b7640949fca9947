"""What is measured on: a drawn class, or real faces of the user's own laid out in one picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from deploy.simulator.scene import Room, build_room
from deploy.simulator.script import FPS, Behaviour, Lesson, Passer, Section, StudentScript
from deploy.simulator.stage import Stage
from workers.decode import read_picture
from workers.geometry.canonical_mesh import load_canonical_mesh

JPEG_QUALITY: Final = 85
_LESSON_S: Final = 60.0
_SEED: Final = 11
_SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp"}
_FILL: Final = 0.5  # of a tile that its picture takes


def drawn_class(faces: int, width: int, height: int, pictures: int) -> list[bytes]:
    """Return JPEGs of a simulated class that looks at the board, seconds apart.

    A simulated face stands in for a person in what it costs, never in how well it is measured.

    Args:
        faces: students in each picture.
        width: of the pictures [px].
        height: of the pictures [px].
        pictures: how many.
    """
    room = _room(faces, width, height)
    stage = Stage(load_canonical_mesh(), room, room.cameras[0], _attentive(room))
    moments_s = np.linspace(5, _LESSON_S - 5, pictures)
    return [_jpeg(stage.draw(int(moment_s * FPS), FPS)[0]) for moment_s in moments_s]


def tiled_pictures(folder: Path, faces: int, width: int, height: int, pictures: int) -> list[bytes]:
    """Return JPEGs with pictures of single faces side by side, others in each as far as they last.

    Args:
        folder: with one face to a picture.
        faces: tiles in each picture.
        width: of the pictures [px].
        height: of the pictures [px].
        pictures: how many.

    Raises:
        DecodeError: a file is no picture.
        ValueError: the folder holds none.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not paths:
        raise ValueError(f"no pictures in {folder}")
    order = np.random.default_rng(_SEED).permutation(len(paths))
    chosen = [paths[order[n % len(paths)]] for n in range(faces * pictures)]
    return [
        _jpeg(_tiles(chosen[start : start + faces], width, height))
        for start in range(0, len(chosen), faces)
    ]


def _tiles(paths: list[Path], width: int, height: int) -> NDArray[np.uint8]:
    columns = _columns(len(paths), width, height)
    rows = math.ceil(len(paths) / columns)
    side = int(min(width / columns, height / rows) * _FILL)
    picture = np.full((height, width, 3), 96, np.uint8)
    for place, path in enumerate(paths):
        row, column = divmod(place, columns)
        x, y = column * width // columns, row * height // rows
        picture[y : y + side, x : x + side] = cv2.resize(
            _square(read_picture(path)), (side, side), interpolation=cv2.INTER_AREA
        )
    return picture


def _square(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = max(image.shape[:2])
    square = np.full((side, side, 3), 96, np.uint8)
    square[: image.shape[0], : image.shape[1]] = image
    return square


def _room(faces: int, width: int, height: int) -> Room:
    columns = _columns(faces, width, height)
    room = build_room(
        "bench", "Bench (simulated)", rows=math.ceil(faces / columns), columns=columns,
        camera_offsets_m=(0.0,), width=width, height=height,
    )  # fmt: skip
    return Room(room.id, room.name, room.seats[:faces], room.cameras, room.board_m)


def _columns(faces: int, width: int, height: int) -> int:
    # Square places; heads that sit behind one another stay clear of each other.
    return max(1, round(math.sqrt(faces * width / height / 1.5)))


def _attentive(room: Room) -> Lesson:
    students = tuple(
        StudentScript(
            seat=seat.label,
            seed=_SEED + index,
            arrives_s=0.0,
            leaves_s=_LESSON_S,
            sections=(Section(0.0, _LESSON_S, Behaviour.BOARD, 1),),
        )
        for index, seat in enumerate(room.seats)
    )
    after_the_end = Passer(2 * _LESSON_S, 1, -1.0, _SEED)
    return Lesson(room.id, _LESSON_S, students, after_the_end)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(picture), JPEG_QUALITY, "RGB", "420"
    )
    return encoded
