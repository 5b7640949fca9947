"""How many faces each detector finds by their size, and what each way of looking costs.

    python -m tests.studies.detection_sizes --data ../shared/data [--only classroom …]

Writes Markdown tables. A box counts as a face when the centre of one lies in the other; a box "off
faces" may still be a person whom nobody marked.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from schemas.analysis import DETECTORS, DetectionPlan, DetectionRegion
from tests.simulator_gallery import Pose, show
from tests.studies import detection_pictures
from tests.studies.detection_pictures import Picture
from workers import choices
from workers.detection import FaceDetector
from workers.engines import openvino_engine
from workers.evaluation.matching import match_faces
from workers.looks import looks_at

BACK_ROWS = DetectionRegion(box=(0.1, 0.4, 0.75, 0.7), enlarge=3.0)
HEADS = 48
Detectors = dict[str, FaceDetector]


@dataclass
class Plan:
    name: str
    of: Callable[[int, int], DetectionPlan]


@dataclass
class Row:
    faces: int = 0
    found: int = 0
    off_faces: int = 0
    megapixels: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def cell(self) -> str:
        recall = f"{self.found / self.faces:.3f}" if self.faces else "–"
        return f"{recall} / {self.off_faces} / {1000 * np.median(self.seconds):.0f}"


def times(factor: float) -> Plan:
    def plan(width: int, height: int) -> DetectionPlan:
        return DetectionPlan(long_side_px=min(round(factor * max(width, height)), 8192))

    return Plan(f"x{factor:g}", plan)


RULES = Plan("by rules", lambda width, height: DetectionPlan())
REGION = Plan(
    "x1, rows x3",
    lambda width, height: DetectionPlan(long_side_px=max(width, height), regions=(BACK_ROWS,)),
)
SCALES = [times(factor) for factor in (1, 1.25, 1.5, 2)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(SETS), choices=SETS)
    parser.add_argument("--detectors", nargs="*", default=list(DETECTORS), choices=DETECTORS)
    args = parser.parse_args()
    load = openvino_engine(1)
    models = [choices.detector(name) for name in args.detectors]
    detectors = {model.name: FaceDetector(model, load(model.spec)) for model in models}
    for name in args.only:
        SETS[name](args.data, detectors)


def classroom(data: Path, detectors: Detectors) -> None:
    title("Classroom film, four students, every fifth frame", detectors)
    for factor, face_px in ((1.0, "15-30"), (0.7, "10-21"), (0.5, "8-15")):
        frames = detection_pictures.classroom_frames(data, factor)
        table(face_px, frames, [RULES, *SCALES, REGION], detectors)


def snapshots(data: Path, detectors: Detectors) -> None:
    title("Snapshots, 43 faces: as they are, and reduced on frames of 1280 x 720", detectors)
    pictures = list(detection_pictures.snapshots(data))
    table("37-109", pictures, [RULES, *SCALES], detectors)
    for face_px in (6, 8, 10, 12, 16, 24):
        frames = list(detection_pictures.frames_of(pictures, face_px))
        table(str(face_px), frames, SCALES, detectors)


def simulated(_data: Path, detectors: Detectors) -> None:
    title("Simulated heads on frames of 1280 x 720, after H.264", detectors)
    for face_px in (8, 10, 12, 16):
        for plan in SCALES:
            rows = [on_simulated_heads(face_px, each, plan) for each in detectors.values()]
            line(str(face_px), plan, rows)


def portraits(data: Path, detectors: Detectors) -> None:
    title("Portraits enlarged, 50 to 500 px, 10 above", detectors)
    for face_px in (300, 500, 700, 900, 1200):
        every = 1 if face_px <= 500 else 5  # ten pictures of 50 MB
        pictures = list(detection_pictures.portraits(data, face_px, every=every))
        table(str(face_px), pictures, [RULES, SCALES[0]], detectors)


def without_faces(data: Path, detectors: Detectors) -> None:
    title(
        "20 pictures without a face: two dogs, smooth noise, snapshots with faces painted over",
        detectors,
    )
    table("none", list(detection_pictures.without_faces(data)), [RULES, *SCALES], detectors)


SETS = {
    "classroom": classroom,
    "snapshots": snapshots,
    "simulated": simulated,
    "portraits": portraits,
    "without_faces": without_faces,
}


def table(
    face_px: str, pictures: Sequence[Picture], plans: Sequence[Plan], detectors: Detectors
) -> None:
    for plan in plans:
        rows = {name: Row() for name in detectors}
        for picture in pictures:
            for name, detector in detectors.items():  # interleaved, so that times can be compared
                count(rows[name], detector, picture, plan)
        line(face_px, plan, list(rows.values()))


def count(row: Row, detector: FaceDetector, picture: Picture, plan: Plan) -> None:
    boxes = timed(row, detector, picture.image, plan).astype(float)
    found = int((match_faces(picture.faces, boxes) >= 0).sum())
    row.faces += len(picture.faces)
    row.found += found
    row.off_faces += len(boxes) - found


def timed(row: Row, detector: FaceDetector, image: np.ndarray, plan: Plan) -> np.ndarray:
    height, width = image.shape[:2]
    chosen = plan.of(width, height)
    started = time.perf_counter()
    boxes = detector.detect(image, chosen).boxes_xyxy
    row.seconds.append(time.perf_counter() - started)
    looks = looks_at(width, height, chosen)
    seen_px = sum((n.right - n.left) * (n.bottom - n.top) * n.scale**2 for n in looks)
    row.megapixels.append(seen_px / 1e6)
    return boxes


def on_simulated_heads(face_px: int, detector: FaceDetector, plan: Plan) -> Row:
    row = Row()

    @dataclass
    class Box:
        box_xyxy: np.ndarray

    class Analyzer:
        def analyze(self, images):
            return [[Box(box) for box in timed(row, detector, images[0], plan)]]

    rng = np.random.default_rng(face_px)
    poses = [
        Pose(
            seed=int(rng.integers(10_000)),
            yaw_deg=2 * int(rng.integers(-22, 23)),
            pitch_deg=2 * int(rng.integers(-15, 6)),
            roll_deg=0.0,
            face_px=face_px,
        )
        for _ in range(HEADS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        seen = show(poses, Path(folder) / "heads.mp4", Analyzer())
    row.faces, row.off_faces = HEADS, seen.false_positives
    row.found = sum(sighting.face is not None for sighting in seen.sightings)
    return row


def title(text: str, detectors: Detectors) -> None:
    sys.stdout.write(
        f"\n{text}; recall / boxes off faces / ms\n\n"
        f"| face px | look | Mpx | {' | '.join(detectors)} |\n"
        f"|---|---|---|{'---|' * len(detectors)}\n"
    )


def line(face_px: str, plan: Plan, rows: list[Row]) -> None:
    cells = " | ".join(row.cell() for row in rows)
    sys.stdout.write(f"| {face_px} | {plan.name} | {np.mean(rows[0].megapixels):.2f} | {cells} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
