"""Whole runs on made-up finds: what is counted, what is left out, how it is told."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from schemas.messages import EXPRESSIONS
from workers.evaluation.bootstrap import Bootstrap
from workers.evaluation.errors import EvaluationError
from workers.evaluation.labels import BoxLabels, DataSet, LabelledPicture, PointsLabel, PoseLabel
from workers.evaluation.markdown import markdown
from workers.evaluation.report import Report, Unreadable
from workers.evaluation.run_detection import run_detection
from workers.evaluation.run_expression import run_expression, run_expression_on_crops
from workers.evaluation.run_heads import run_heads
from workers.evaluation.run_landmarks import run_landmarks
from workers.evaluation.run_pose import run_pose
from workers.evaluation.show import show_report, show_unreadable
from workers.evaluation.stream import PictureStream
from workers.face import Face

NO_INTERVALS = Bootstrap(resamples=0)


def picture(number: int, label, group: str | None = None) -> LabelledPicture:
    """A picture of one grey level, its number, so that a stand-in knows it again."""
    pixels = np.full((200, 200, 3), number, np.uint8)
    return LabelledPicture(f"{number}.png", label, group or str(number), pixels=pixels)


def data_of(*labels) -> DataSet:
    return DataSet("made up", tuple(picture(n, label) for n, label in enumerate(labels)))


def found_by_number(*answers):
    """What is found in each picture, by its number."""
    return lambda image: answers[image[0, 0, 0]]


def faces_by_number(*answers):
    return lambda images: [answers[image[0, 0, 0]] for image in images]


def a_face(box=(50.0, 50.0, 100.0, 100.0), **changes) -> Face:
    values = {
        "box_xyxy": box,
        "confidence": 0.9,
        "landmarks_xy": np.zeros((478, 2), np.float32),
        "yaw_deg": 0.0,
        "pitch_deg": 0.0,
        "roll_deg": 0.0,
        "eye_openness": None,
        "presence": 1.0,
        "expression_probs": None,
    }
    return Face(**{**values, **changes})


def values(outcome, group: str) -> dict[str, float]:
    return {name: estimate.value for name, estimate in outcome.groups[group].items()}


SMALL, LARGE = [10, 10, 25, 25], [100, 100, 190, 190]


def detected(labels, *answers, **options):
    found = [(np.array(b, float).reshape(-1, 4), np.array(c, float)) for b, c in answers]
    return run_detection(
        data_of(*labels),
        found_by_number(*found),
        PictureStream(),
        NO_INTERVALS,
        **{"min_confidence": 0.5, "min_iou": 0.5, **options},
    )


def box_label(*rows, ignored=None, settings=None) -> BoxLabels:
    boxes = np.array(rows, float).reshape(-1, 4)
    return BoxLabels(boxes, np.array(ignored or [False] * len(boxes)), settings or {})


def test_recall_and_precision_are_at_the_threshold_and_by_size():
    label = box_label(SMALL, LARGE)
    outcome = detected([label, label], ([LARGE, SMALL], [0.9, 0.3]), ([LARGE, SMALL], [0.8, 0.7]))
    assert values(outcome, "all")["recall"] == 0.75
    assert values(outcome, "all")["precision"] == 1
    assert values(outcome, "height < 20 px") == {"recall": 0.5}
    assert values(outcome, "height 80–160 px") == {"recall": 1}
    assert outcome.counts["faces not found"] == 1
    assert outcome.groups["all"]["recall"].n == 4
    assert outcome.groups["all"]["precision"].n == 3


def test_the_sets_own_selections_are_told_beside_all():
    label = box_label(
        SMALL, LARGE, settings={"easy": np.array([False, True]), "hard": np.array([True, True])}
    )
    outcome = detected([label], ([LARGE], [0.9]))
    assert values(outcome, "easy")["recall"] == values(outcome, "easy")["AP"] == 1
    assert values(outcome, "hard")["recall"] == 0.5


def test_a_false_box_costs_precision_but_one_on_an_ignored_face_does_not():
    label = box_label(SMALL, LARGE, ignored=[True, False])
    outcome = detected([label], ([LARGE, SMALL, [0, 100, 50, 150]], [0.9, 0.8, 0.7]))
    assert outcome.counts["faces"] == 1
    assert values(outcome, "all")["precision"] == 0.5
    assert values(outcome, "all")["false boxes a picture"] == 1


def test_shares_of_heads_leave_out_difficult_heads_but_not_the_boxes_on_them():
    label = BoxLabels(np.array([SMALL, LARGE], float), np.array([True, False]), kind="heads")
    find = found_by_number((np.array([SMALL, [0, 100, 50, 150]], float), np.array([0.9, 0.9])))
    outcome = run_heads(data_of(label), find, PictureStream(), NO_INTERVALS, min_confidence=0.5)
    assert values(outcome, "all") == {"heads with a face": 0, "boxes off any head": 0.5}
    assert outcome.counts["heads"] == 1


def pose_label(yaw=0.0, pitch=0.0, roll=0.0, box=(40.0, 40.0, 110.0, 110.0)) -> PoseLabel:
    return PoseLabel(yaw, pitch, roll, "yxz", box)


def test_a_face_elsewhere_in_the_picture_is_not_the_labelled_one():
    find = faces_by_number([a_face((150.0, 150.0, 190.0, 190.0))], [a_face(yaw_deg=10.0)])
    outcome = run_pose(
        data_of(pose_label(), pose_label(yaw=4.0)), find, PictureStream(), NO_INTERVALS
    )
    assert outcome.counts["faces not found"] == 1
    assert values(outcome, "all")["yaw"] == pytest.approx(6)
    assert values(outcome, "all")["found"] == 0.5
    assert outcome.groups["all"]["yaw"].n == 1
    assert outcome.groups["all"]["found"].n == 2


def test_without_a_labelled_box_the_largest_face_is_meant():
    faces = [a_face((0.0, 0.0, 20.0, 20.0), yaw_deg=90.0), a_face(yaw_deg=3.0)]
    outcome = run_pose(
        data_of(pose_label(box=None)), faces_by_number(faces), PictureStream(), NO_INTERVALS
    )
    assert values(outcome, "all")["yaw"] == pytest.approx(3)


def test_a_face_without_a_pose_is_counted_by_itself():
    unknown = a_face(yaw_deg=None, pitch_deg=None, roll_deg=None)
    outcome = run_pose(
        data_of(pose_label()), faces_by_number([unknown]), PictureStream(), NO_INTERVALS
    )
    assert outcome.counts["faces not found"] == 0
    assert outcome.counts["faces found without a pose"] == 1
    assert values(outcome, "all")["found"] == 0


def test_landmarks_of_a_face_that_was_not_found_count_as_failures():
    points = np.random.default_rng(0).uniform(50, 100, (68, 2))
    label = (PointsLabel(points),)
    find = faces_by_number([a_face()], [])
    outcome = run_landmarks(
        data_of(label, label), find, PictureStream(), NO_INTERVALS, "inter-ocular"
    )
    whole = values(outcome, "all: 68 points")
    assert outcome.counts["faces not found"] == 1
    assert np.isfinite(whole["NME"])
    assert whole["failures > .08"] == 1
    assert outcome.groups["all: 68 points"]["NME"].n == 1


def probabilities(name: str) -> tuple[float, ...]:
    return tuple(float(known == name) for known in EXPRESSIONS)


def test_no_answer_is_a_column_of_its_own():
    smile, fear = EXPRESSIONS.index("happiness"), EXPRESSIONS.index("fear")
    find = faces_by_number(
        [a_face(expression_probs=probabilities("happiness"))],
        [a_face()],
        [],
        [a_face(expression_probs=probabilities("anger"))],
    )
    outcome = run_expression(data_of(smile, smile, fear, fear), find, PictureStream(), NO_INTERVALS)
    assert values(outcome, "all") == pytest.approx(
        {"accuracy": 0.5, "mean recall": 0.5, "accuracy, unanswered wrong": 0.25}
    )
    assert outcome.counts["faces not found"] == outcome.counts["faces found without an answer"] == 1
    assert outcome.confusion.counts[smile][smile] == outcome.confusion.counts[smile][7] == 1
    assert values(outcome, "labelled fear") == {"recall": 0}


def test_crops_are_all_answered():
    smile = EXPRESSIONS.index("happiness")
    outcome = run_expression_on_crops(
        data_of(smile),
        lambda image, margin: np.array(probabilities("happiness")),
        PictureStream(),
        NO_INTERVALS,
        margin=0.0,
    )
    assert values(outcome, "all")["accuracy"] == 1
    assert outcome.counts["faces not found"] == 0


def test_no_more_than_a_few_pictures_are_in_memory_at_a_time(tmp_path):
    at_once = []

    def find(images):
        at_once.append(len(images))
        return [[] for _ in images]

    data = data_of(*[pose_label()] * 11)
    run_pose(data, find, PictureStream(), NO_INTERVALS)
    assert sum(at_once) == 11
    assert max(at_once) <= 4


def test_unreadable_pictures_are_listed_and_the_bar_still_moves(tmp_path):
    seen = []
    stream = PictureStream(lambda: seen.append(1))
    pictures = (LabelledPicture(tmp_path / "absent.png", 0, "a"), picture(1, 1))
    assert [entry.label for entry, _ in stream.read(pictures)] == [1]
    assert len(seen) == 2
    assert "No such file" in stream.unreadable[0].reason


@pytest.mark.parametrize("n", [0, 2])
def test_without_a_single_readable_picture_there_is_nothing_to_tell(tmp_path, n):
    absent = LabelledPicture(tmp_path / "absent.png", pose_label(), "a")
    data = DataSet("made up", (absent,) * n)
    with pytest.raises(EvaluationError, match=f"none of {n} pictures can be read"):
        run_pose(data, faces_by_number(), PictureStream(), NO_INTERVALS)


def a_report(**changes) -> Report:
    label = pose_label()
    outcome = run_pose(data_of(label), faces_by_number([]), PictureStream(), NO_INTERVALS)
    fields = {
        "task": "pose",
        "format": "made up",
        "models": {"pose": "procrustes"},
        "counts": outcome.counts,
        "groups": outcome.groups,
        "notes": outcome.notes,
        "unreadable": [Unreadable(f"{n}.jpg", "not a picture") for n in range(12)],
    }
    return Report(**{**fields, **changes})


def test_a_figure_that_does_not_exist_is_null_and_has_no_column():
    report = a_report()
    record = json.loads(json.dumps(report.as_record()))
    assert record["groups"]["all"]["yaw"] == {"value": None, "low": None, "high": None, "n": 0}
    screen = io.StringIO()
    show_report(report, Console(file=screen, width=100))
    assert "1 faces not found" in screen.getvalue()
    assert "geodesic  " not in screen.getvalue()
    assert ".000" in screen.getvalue()  # the share found


def test_a_report_becomes_markdown_with_its_bars_escaped():
    estimate = {"value": 6.04, "low": 4.4, "high": 7.7, "n": 230}
    record = a_report().as_record()
    record["groups"] = {"|yaw| < 30°": {"yaw": estimate, "found": {**estimate, "value": 0.97}}}
    record["groups"]["|yaw| < 30°"]["found"] |= {"low": None, "high": None}
    lines = list(markdown(record))
    assert lines[-3:] == [
        "|  | yaw | found | n |",
        "|---|---|---|---|",
        r"| \|yaw\| < 30° | 6.0 (4.4 to 7.7) | .970 | 230 |",
    ]


def test_of_many_unreadable_pictures_ten_are_named_and_the_rest_counted():
    screen = io.StringIO()
    show_unreadable(a_report(), Console(file=screen, width=100))
    assert screen.getvalue().count("not a picture") == 10
    assert "and 2 more pictures" in screen.getvalue()
