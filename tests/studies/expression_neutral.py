"""What the networks call faces of people who only look somewhere, by the margin of the crop.

    python -m tests.studies.expression_neutral ../shared/data/pointing04

Pointing'04 asked people to look at marks: nobody was told to keep a straight face, but they do.
"""

import re
import sys
from pathlib import Path

import cv2
import numpy as np

from schemas.analysis import DetectionPlan
from schemas.messages import EXPRESSIONS
from tests.studies.expression_blend import MARGINS, NETS, read_all, say
from tests.studies.expression_faces import Faces
from workers import choices
from workers.detection import FaceDetector
from workers.engines import openvino_engine

TILT_AND_PAN = re.compile(r"([+-]\d+)([+-]\d+)\.jpg$")
MAX_TILT_DEG, MAX_PAN_DEG = 15, 30


def read_frontal_faces(folder: Path, detector: FaceDetector) -> Faces:
    images, boxes, points, persons = [], [], [], []
    for path in sorted(folder.glob("Person*/*.jpg")):
        tilt, pan = map(int, TILT_AND_PAN.search(path.name).groups())
        if abs(tilt) > MAX_TILT_DEG or abs(pan) > MAX_PAN_DEG:
            continue
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        found = detector.detect(image, DetectionPlan())
        if len(found.confidence):
            images.append(image)
            boxes.append(found.boxes_xyxy[0])
            points.append(found.points_xy[0])
            persons.append(path.parent.name)
    n = len(images)
    neutral = np.full(n, EXPRESSIONS.index("neutral"))
    names = np.array(persons)
    return Faces(images, np.array(boxes), np.array(points), neutral, names, np.zeros(n, bool), 0)


if __name__ == "__main__":
    load = openvino_engine(1, "exact")
    model = choices.detector("yunet")
    faces = read_frontal_faces(Path(sys.argv[1]), FaceDetector(model, load(model.spec)))
    say(f"{len(faces.labels)} faces of {len(set(faces.persons))} persons; share called neutral")
    readings = read_all(faces, load, MARGINS)
    for net in NETS:
        shares = [
            float((readings.by[net, margin, False].argmax(axis=1) == faces.labels).mean())
            for margin in MARGINS
        ]
        say(f"{net}: " + ", ".join(f"{m} {s:.3f}" for m, s in zip(MARGINS, shares, strict=True)))
