"""docs/new-detector.md does what it says: its blocks are put where it says, and used."""

import re
import sys
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest

import workers.models
from schemas import analysis
from schemas.analysis import DetectionPlan
from workers import choices
from workers.detection import FaceDetector
from workers.engines import openvino_engine

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "new-detector.md"
NAME = "yunet_dark"

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture
def followed(tmp_path, monkeypatch) -> None:
    """The guide's file in the package's folder, and its line in force."""
    file, line = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / f"{NAME}.py").write_text(file, encoding="utf-8")
    monkeypatch.setattr(workers.models, "__path__", [*workers.models.__path__, str(tmp_path)])
    namespace = dict(vars(analysis))
    exec(line, namespace)
    monkeypatch.setattr(choices, "DETECTORS", get_args(namespace["DetectorName"]))
    yield
    sys.modules.pop(f"workers.models.{NAME}", None)


def test_the_guides_line_adds_one_name_to_those_that_are_there(followed):
    assert (*analysis.DETECTORS, NAME) == choices.DETECTORS


def test_the_guides_detector_finds_people_in_a_dark_picture_where_yunet_finds_fewer(
    followed, real_data
):
    picture = cv2.imread(
        str(real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")), cv2.IMREAD_COLOR_RGB
    )
    dark = (picture // 24).astype(np.uint8)
    found = {}
    for name in (NAME, "yunet"):
        model = choices.detector(name)
        assert model.name == name
        detector = FaceDetector(model, openvino_engine(1)(model.spec))
        found[name] = len(detector.detect(dark, DetectionPlan()).confidence)
    assert found[NAME] == 5
    assert found["yunet"] < 5
