"""How a head is best cut out for 6DRepNet360, and how its answer is best read.

    python -m tests.studies.head_pose_crops --data ../shared/data [--every 8]

Writes a Markdown table: errors against the asked-for angles of Pointing'04, and how far a picture
turned by 30 degrees turns the answer by another angle. About 2 minutes on one idle core.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from tests.studies.head_pose_heads import Head, Networks, pointing04, rolled
from tests.studies.head_pose_methods import angles, geodesic_deg
from workers.geometry.crops import Crops
from workers.geometry.head_pose import rotation_from_angles
from workers.models.sixdrepnet360 import SIDE_PX, head_crops, head_rotations, rotations_of

Reader = Callable[[Networks, Head], np.ndarray]
NONE = np.zeros(1, np.intp)


def upright(margin: float) -> Reader:
    """A square `margin` times the box's longer side, as it stands in the picture."""

    def read(networks: Networks, head: Head) -> np.ndarray:
        width, height = head.box[2:] - head.box[:2]
        return square(networks, head, margin * max(width, height))

    return read


def as_the_authors(networks: Networks, head: Head) -> np.ndarray:
    """The demo's cut: .2 of the other side more each way, then the middle square of that."""
    width, height = head.box[2:] - head.box[:2]
    return square(networks, head, min(width + 0.4 * height, height + 0.4 * width))


def square(networks: Networks, head: Head, side_px: float) -> np.ndarray:
    centre = (head.box[None, :2] + head.box[None, 2:]) / 2
    side, angle = np.array([side_px], np.float32), np.zeros(1, np.float32)
    return head_rotations(networks.six, [head.image], Crops(NONE, centre, side, angle))[0]


def level(networks: Networks, head: Head) -> np.ndarray:
    """What the project does: 1.4 times the box, eyes level."""
    crops = head_crops(head.box[None], head.points[None], NONE)
    return head_rotations(networks.six, [head.image], crops)[0]


def squeezed(networks: Networks, head: Head) -> np.ndarray:
    """The box enlarged by .2 each way and squeezed into a square."""
    scale = 1.4 * (head.box[2:] - head.box[:2]) / SIDE_PX
    corner = (head.box[:2] + head.box[2:]) / 2 - 0.5 - scale * (SIDE_PX - 1) / 2
    matrix = np.array([[scale[0], 0, corner[0]], [0, scale[1], corner[1]]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = cv2.warpAffine(head.image, matrix, (SIDE_PX, SIDE_PX), flags=how)
    return rotations_of(networks.six(pixels[None])[0])[0]


READERS: dict[str, Reader] = {
    "level, 1.4": level,
    "upright, 1.4": upright(1.4),
    "upright, 1.0": upright(1.0),
    "upright, 1.8": upright(1.8),
    "upright, as the authors' demo": as_the_authors,
    "upright, squeezed": squeezed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Study the crops for 6DRepNet360.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--every", type=int, default=8, help="take every n-th picture")
    chosen = parser.parse_args()
    networks = Networks()
    heads = [h for h in pointing04(chosen.data, networks, chosen.every) if h is not None]
    sys.stdout.write(
        f"{len(heads)} heads\n\n| crop | yaw | pitch | yaw, \\|yaw\\| > 60 | turned by 30 |\n"
        "|---|---|---|---|---|\n"
    )
    for name, reader in READERS.items():
        found = np.array([reader(networks, head) for head in heads])
        errors = [
            geodesic_deg(
                np.array([reader(networks, rolled(head, turn)) for head in heads]),
                rotation_from_angles(0.0, 0.0, turn) @ found,
            ).mean()
            for turn in (-30.0, 30.0)
        ]
        write(name, heads, angles(found)[:2], f"{np.mean(errors):.1f}")
        if name == "upright, 1.4":
            write(f"{name}, angles one by one", heads, one_by_one(found), "–")


def one_by_one(rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Yaw and pitch as the authors' demo takes them from the matrix, in the project's signs."""
    theirs = rotations.transpose(0, 2, 1)
    across = np.hypot(theirs[:, 0, 0], theirs[:, 1, 0])
    yaw = np.arctan2(theirs[:, 2, 0], across)
    return np.degrees(yaw), np.degrees(np.arctan2(theirs[:, 2, 1], theirs[:, 2, 2]))


def write(name: str, heads: list[Head], found: tuple[np.ndarray, ...], turned: str) -> None:
    yaw = np.array([head.yaw_deg for head in heads])
    yaw_error = np.abs(found[0] - yaw)
    pitch_error = np.abs(found[1] - np.array([head.pitch_deg for head in heads]))
    turned_far = yaw_error[np.abs(yaw) > 60].mean()
    sys.stdout.write(
        f"| {name} | {yaw_error.mean():.1f} | {pitch_error.mean():.1f} | {turned_far:.1f} "
        f"| {turned} |\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
