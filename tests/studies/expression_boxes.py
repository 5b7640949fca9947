"""How the detector's boxes, and so the best margin of a crop, depend on the face's size.

    python -m tests.studies.expression_boxes ../shared/data/muxspace_expr

Every fourth press picture; the detector sees it at several sizes, the crops are cut from the whole.
"""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np

from schemas.analysis import DetectionPlan
from schemas.messages import EXPRESSIONS
from tests.studies.expression_blend import MARGINS, NETS, read_all, say
from tests.studies.expression_faces import PRESS_PICTURE, Faces, framed, most_central
from workers import choices
from workers.detection import FaceDetector
from workers.engines import openvino_engine

LONG_SIDES_PX = (640, 320, 200)


def read_at(rows: list[dict[str, str]], folder: Path, detector: FaceDetector, side: int) -> Faces:
    images, boxes, points, labels = [], [], [], []
    for row in rows:
        image = framed(cv2.imread(str(folder / "images" / row["image"])))
        found = detector.detect(image, DetectionPlan(long_side_px=side))
        if len(found.confidence):
            best = most_central(found, image)
            images.append(image)
            boxes.append(found.boxes_xyxy[best])
            points.append(found.points_xy[best])
            labels.append(EXPRESSIONS.index(row["emotion"]))
    n = len(images)
    persons = np.full(n, "")
    return Faces(
        images, np.array(boxes), np.array(points), np.array(labels), persons, np.ones(n, bool), 0
    )


if __name__ == "__main__":
    data = Path(sys.argv[1])
    with (data / "labels.csv").open(encoding="utf-8") as file:
        chosen = [row for row in csv.DictReader(file) if PRESS_PICTURE.search(row["image"])][::4]
    load = openvino_engine(1, "exact")
    model = choices.detector("yunet")
    finder = FaceDetector(model, load(model.spec))
    for long_side in LONG_SIDES_PX:
        faces = read_at(chosen, data, finder, long_side)
        heights = faces.boxes[:, 3] - faces.boxes[:, 1]
        eyes = np.linalg.norm(faces.points[:, 1] - faces.points[:, 0], axis=1)
        seen = heights * long_side / [max(image.shape) for image in faces.images]
        say(
            f"faces of {np.median(seen):.0f} px in the detector: {len(heights)} found, "
            f"box {np.median(heights / eyes):.2f} eye distances high"
        )
        by = read_all(faces, load, MARGINS).by
        for net in NETS:
            right = [np.mean(by[net, m, False].argmax(axis=1) == faces.labels) for m in MARGINS]
            cells = (f"{m} {share:.3f}" for m, share in zip(MARGINS, right, strict=True))
            say(f"  {net}: {', '.join(cells)}")
