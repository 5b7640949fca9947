"""The pictures of `detection_sizes`: reduced, enlarged and laid out, with marked faces."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

CLASSROOM_HEADS = np.array(
    [(57, 138, 91, 179), (122, 120, 147, 151), (225, 118, 250, 151), (299, 138, 334, 179)], float
)
"""The four students of `intel_classroom.gif`, 480 x 270, marked by eye; they keep their seats."""
_PORTRAITS = ("+0+0", "+0+15", "+0-15", "+15+0", "-15+0")
"""Tilt and pan of the portraits that are taken from Pointing'04."""
NOBODY = np.empty((0, 4))


@dataclass
class Picture:
    image: np.ndarray
    faces: np.ndarray  # (N, 4) float


def classroom_frames(data: Path, factor: float) -> list[Picture]:
    """Every fifth frame of the classroom film, reduced."""
    film = cv2.VideoCapture(str(data / "videos_ccby_intel" / "intel_classroom.gif"))
    frames = []
    while (step := film.read())[0]:
        frames.append(cv2.cvtColor(step[1], cv2.COLOR_BGR2RGB))
    return [reduced(Picture(frame, CLASSROOM_HEADS), factor) for frame in frames[::5]]


def snapshots(data: Path) -> Iterator[Picture]:
    """dlib's nine group snapshots with 43 marked faces."""
    for name in ("testing.xml", "training.xml"):
        for image in ET.parse(data / "dlib_faces" / name).getroot().iter("image"):
            boxes = [
                [float(box.get(part)) for part in ("left", "top", "width", "height")]
                for box in image.iter("box")
            ]
            faces = np.array(boxes)
            faces[:, 2:] += faces[:, :2]
            yield Picture(read(data / "dlib_faces" / image.get("file")), faces)


def frames_of(pictures: list[Picture], face_px: int) -> Iterator[Picture]:
    """Lay pictures out on 1280 x 720, each reduced until its median face is that high."""
    frame, faces, x, y, row_height = _blank(), [], 0, 0, 0
    for picture in pictures:
        median = np.median(picture.faces[:, 3] - picture.faces[:, 1])
        part = reduced(picture, face_px / median)
        height, width = part.image.shape[:2]
        if x + width > frame.shape[1]:
            x, y, row_height = 0, y + row_height, 0
        if y + height > frame.shape[0]:
            yield Picture(frame, np.concatenate(faces))
            frame, faces, x, y, row_height = _blank(), [], 0, 0, 0
        frame[y : y + height, x : x + width] = part.image
        faces.append(part.faces + np.array([x, y, x, y]))
        x, row_height = x + width, max(row_height, height)
    yield Picture(frame, np.concatenate(faces))


def portraits(data: Path, face_px: int, every: int = 1) -> Iterator[Picture]:
    """Pointing'04's people, seen from the front, enlarged until the marked face is that high.

    50 pictures, or each `every`-th; one after the other, as they take up to 50 MB each.
    """
    paths = [
        path
        for person in range(1, 6)
        for path in sorted((data / "pointing04" / f"Person{person:02d}").glob("*.jpg"))
        if path.stem.endswith(_PORTRAITS)
    ]
    for path in paths[::every]:
        yield _portrait(path, face_px)


def without_faces(data: Path) -> Iterator[Picture]:
    """Two dogs, smooth noise, and the snapshots with their faces painted over."""
    rng = np.random.default_rng(7)
    yield Picture(read(data / "dlib_faces" / "dogs.jpg"), NOBODY)
    for _ in range(10):
        small = rng.integers(0, 256, (24, 42, 3), np.uint8)
        yield Picture(cv2.resize(small, (1280, 720)), NOBODY)
    for picture in snapshots(data):
        image = picture.image.copy()
        for x0, y0, x1, y1 in picture.faces.astype(int):
            grow = (y1 - y0) // 2
            image[max(y0 - grow, 0) : y1 + grow, max(x0 - grow, 0) : x1 + grow] = 128
        yield Picture(image, NOBODY)


def reduced(picture: Picture, factor: float) -> Picture:
    """Make a picture and its marks smaller."""
    if factor == 1:
        return picture
    size = [round(side * factor) for side in picture.image.shape[1::-1]]
    image = cv2.resize(picture.image, size, interpolation=cv2.INTER_AREA)
    return Picture(image, picture.faces * factor)


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)


def _portrait(path: Path, face_px: int) -> Picture:
    marks = [float(number) for number in path.with_suffix(".txt").read_text().split()[-4:]]
    centre, sides = np.array(marks[:2]), np.array(marks[2:])
    face = np.concatenate((centre - sides / 2, centre + sides / 2))
    factor = face_px / marks[3]
    image = read(path)
    size = [round(side * factor) for side in image.shape[1::-1]]
    return Picture(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), face[None] * factor)


def _blank() -> np.ndarray:
    return np.full((720, 1280, 3), 128, np.uint8)
