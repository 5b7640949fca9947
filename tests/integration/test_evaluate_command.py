"""`facepose evaluate` with the real networks, on real pictures and on labels made from them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
from typer.testing import CliRunner

from deploy.evaluate_command import evaluate_app
from schemas.messages import EXPRESSIONS
from workers.analyzer import FaceAnalyzer
from workers.decode import read_picture
from workers.evaluation.chain import crop_box
from workers.evaluation.errors import DataFormatError
from workers.evaluation.metrics_pose import angles_in_order
from workers.evaluation.points68 import to_68
from workers.evaluation.read_dlib_xml import read_dlib_boxes
from workers.geometry.head_pose import rotation_from_angles


def evaluate(task: str, data: Path, *options: str, status: int = 0) -> dict:
    """Run the command with --json and return its one object."""
    command = [task, "--data", str(data), "--json", "--threads", "1", "--device", "cpu"]
    result = CliRunner().invoke(evaluate_app, [*command, "--resamples", "50", *options])
    assert result.exit_code == status, (result.output, result.exception)
    return json.loads(result.stdout)


def value(report: dict, group: str, measure: str) -> float:
    return report["groups"][group][measure]["value"]


@pytest.fixture(scope="module")
def analyzer(weights) -> FaceAnalyzer:
    return FaceAnalyzer.load("cpu", threads=1, expression=False)


@pytest.fixture(scope="module")
def heads(real_data, tmp_path_factory) -> Path:
    """Eight pictures of heads that are turned a little, linked into one folder."""
    folder = tmp_path_factory.mktemp("heads")
    chosen = sorted(real_data("pointing04").glob("Person0[12]/*"))
    wanted = ("+0+0", "+0-30", "+0+30", "-15-15")
    for path in chosen:
        if path.stem.endswith(wanted) and path.stem[8] == "1":
            (folder / path.name).symlink_to(path)
    assert len(list(folder.glob("*.jpg"))) >= 8
    return folder


@pytest.fixture(scope="module")
def snapshots(real_data, weights) -> Path:
    return real_data("dlib_faces")


@pytest.fixture(scope="module")
def detected(snapshots) -> dict:
    return evaluate("detection", snapshots)


def test_all_43_faces_of_the_snapshots_are_found(detected):
    report = detected
    assert report["counts"]["faces"] == 43
    assert report["counts"]["faces not found"] == 0
    assert value(report, "all", "AP") > 0.98
    assert value(report, "all", "recall") == 1
    assert report["groups"]["height 20–40 px"]["recall"]["n"] > 10
    assert report["models"]["networks"].startswith("yunet-")


def test_the_same_faces_in_widers_layout_give_the_same_figures(detected, snapshots, tmp_path):
    event = tmp_path / "WIDER_val" / "images" / "0--Snapshots"
    event.mkdir(parents=True)
    lines = []
    for picture in read_dlib_boxes(snapshots).pictures:
        (event / picture.path.name).symlink_to(picture.path)
        rows = [(x, y, right - x, low - y) for x, y, right, low in picture.label.boxes_xyxy]
        lines += [f"0--Snapshots/{picture.path.name}", str(len(rows))]
        lines += [" ".join(f"{v:.0f}" for v in row) + " 0 0 0 0 0 0" for row in rows]
    (tmp_path / "wider_face_val_bbx_gt.txt").write_text("\n".join(lines))
    report = evaluate("detection", tmp_path)
    assert report["format"] == "WIDER FACE"
    for measure in ("AP", "recall", "precision"):
        assert value(report, "all", measure) == value(detected, "all", measure)


def test_a_higher_threshold_loses_faces_but_not_average_precision(snapshots):
    report = evaluate("detection", snapshots, "--min-confidence", "0.935")
    assert value(report, "all", "recall") < 1
    assert value(report, "all", "AP") > 0.98


def test_the_whole_analyser_reports_fewer_false_boxes_than_its_detector(detected, snapshots):
    whole = evaluate("detection", snapshots, "--whole-analyser")
    assert whole["settings"]["boxes of"] == "the whole analyser"
    assert value(whole, "all", "recall") == 1
    assert value(whole, "all", "precision") >= value(detected, "all", "precision")


def test_the_heads_measure_tells_shares_of_heads(snapshots, tmp_path):
    path = snapshots / "2008_002470.jpg"
    whole = "<xmin>1</xmin><ymin>1</ymin><xmax>500</xmax><ymax>332</ymax>"
    (tmp_path / "a.xml").write_text(
        f"<annotation><object><name>head</name><bndbox>{whole}</bndbox></object></annotation>"
    )
    (tmp_path / "a.jpg").symlink_to(path)
    report = evaluate("detection", tmp_path)
    assert report["counts"]["heads"] == report["counts"]["heads with a face"] == 1
    assert value(report, "all", "boxes off any head") == 0


def test_landmarks_of_the_snapshots_are_near_the_labelled_ones(snapshots):
    report = evaluate("landmarks", snapshots)
    assert report["counts"]["faces not found"] == 0
    assert 0.02 < value(report, "all: 51 inner", "NME") < 0.07
    assert value(report, "all: 51 inner", "NME") < value(report, "all: 68 points", "NME")


def points_file(path: Path, points: np.ndarray) -> None:
    rows = "\n".join(f"{x + 1:.4f} {y + 1:.4f}" for x, y in points)
    path.write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")


def test_labels_made_from_the_found_landmarks_have_no_error(analyzer, heads, tmp_path):
    for path in sorted(heads.glob("*.jpg"))[:3]:
        (tmp_path / path.name).symlink_to(path)
        (face,) = analyzer.analyze([read_picture(path)])[0]
        points_file(tmp_path / f"{path.stem}.pts", to_68(face.landmarks_xy))
    report = evaluate("landmarks", tmp_path)
    assert report["counts"]["faces"] == 3
    assert value(report, "all: 68 points", "NME") < 1e-4
    assert value(report, "all: 68 points", "AUC .08") > 0.99


def test_heads_that_look_where_their_names_say_have_small_errors_and_the_right_signs(
    heads, weights
):
    report = evaluate("pose", heads)
    assert report["format"] == "Pointing'04"
    assert value(report, "all", "found") == 1
    assert value(report, "all", "yaw") < 15
    assert value(report, "all", "roll") is None
    assert not any("WARNING" in note for note in report["notes"])


def test_a_table_of_the_found_angles_has_no_error(analyzer, heads, tmp_path):
    rows = ["path,yaw,pitch,roll"]
    for path in sorted(heads.glob("*.jpg")):
        (face,) = analyzer.analyze([read_picture(path)])[0]
        rows.append(f"{path},{face.yaw_deg:.6f},{face.pitch_deg:.6f},{face.roll_deg:.6f}")
    (tmp_path / "poses.csv").write_text("\n".join(rows))
    report = evaluate("pose", tmp_path)
    assert value(report, "all", "mean") < 0.01
    assert value(report, "all", "geodesic") < 0.1


def test_aflw2000_labels_made_from_the_found_angles_have_no_error(analyzer, heads, tmp_path):
    for n, path in enumerate(sorted(heads.glob("*.jpg"))):
        (face,) = analyzer.analyze([read_picture(path)])[0]
        rotation = rotation_from_angles(face.yaw_deg, face.pitch_deg, face.roll_deg)
        yaw, pitch, roll = np.radians(angles_in_order(rotation, "xyz"))
        points = np.vstack((to_68(face.landmarks_xy).T, np.zeros(68)))
        mat = tmp_path / f"image{n:05}.mat"
        scipy.io.savemat(mat, {"Pose_Para": [[pitch, -yaw, roll]], "pt3d_68": points})
        mat.with_suffix(".jpg").symlink_to(path)
    assert value(evaluate("pose", tmp_path), "all", "geodesic") < 0.1
    by_box = evaluate("landmarks", tmp_path, "--normaliser", "box")
    assert value(by_box, "all: 68 points", "NME") < 1e-4


def test_a_sign_read_the_wrong_way_round_is_warned_of(analyzer, heads, tmp_path):
    rows = ["path,yaw,pitch,roll"]
    for path in [*heads.glob("*.jpg")]:
        (face,) = analyzer.analyze([read_picture(path)])[0]
        rows += [f"{path},{-face.yaw_deg},{face.pitch_deg},"] * 2
    (tmp_path / "poses.csv").write_text("\n".join(rows))
    notes = evaluate("pose", tmp_path)["notes"]
    assert any(note.startswith("WARNING: found and told yaw run against") for note in notes)


def test_faces_that_are_not_found_are_counted(tmp_path, weights):
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    (tmp_path / "poses.csv").write_text("path,yaw,pitch,roll\nwall.png,0,0,0\n")
    report = evaluate("pose", tmp_path)
    assert report["counts"]["faces not found"] == 1
    assert value(report, "all", "found") == 0
    assert value(report, "all", "yaw") is None


def test_pictures_that_cannot_be_read_are_listed_and_the_status_is_1(heads, tmp_path, weights):
    good = min(heads.glob("*.jpg"))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    rows = f"path,yaw,pitch,roll\n{good},0,0,0\nbroken.jpg,0,0,0\nabsent.jpg,0,0,0\n"
    (tmp_path / "poses.csv").write_text(rows)
    report = evaluate("pose", tmp_path, status=1)
    assert report["counts"]["unreadable pictures"] == 2
    assert report["counts"]["faces"] == 1
    assert [Path(entry["path"]).name for entry in report["unreadable"]] == [
        "broken.jpg",
        "absent.jpg",
    ]


def test_expressions_of_some_faces_are_better_than_chance(real_data, weights):
    report = evaluate("expression", real_data("muxspace_expr"), "--limit", "21")
    assert report["counts"]["pictures"] == 21
    assert value(report, "all", "accuracy") > 1 / 7
    counts = np.array(report["confusion"]["counts"])
    assert counts.sum() == 21
    assert counts[:, 7].sum() == (
        report["counts"]["faces not found"] + report["counts"]["faces found without an answer"]
    )


def test_crops_are_read_without_a_detector(real_data, weights, tmp_path):
    folder = real_data("muxspace_expr") / "images"
    table = (real_data("muxspace_expr") / "labels.csv").read_text().splitlines()[1:]
    smiling = [row.split(",")[0] for row in table if row.endswith(",happiness")][:12]
    (tmp_path / "joy").mkdir()
    for name in smiling:
        (tmp_path / "joy" / name).symlink_to(folder / name)
    report = evaluate("expression", tmp_path, "--crops", "--crop-margin", "0.3")
    assert report["counts"]["faces not found"] == 0
    assert report["models"]["networks"].startswith("mini_xception-")
    assert "detector" not in report["models"]
    row = report["confusion"]["counts"][EXPRESSIONS.index("happiness")]
    assert sum(row) == len(smiling)
    assert row[EXPRESSIONS.index("happiness")] > len(smiling) / 2


def test_a_margin_of_a_half_leaves_two_thirds_of_the_picture():
    image = np.zeros((90, 60, 3), np.uint8)
    assert crop_box(image, 0.5).tolist() == pytest.approx([10, 15, 50, 75])
    assert crop_box(image, 0.0).tolist() == [0, 0, 60, 90]


def test_the_table_for_people_shows_figures_intervals_and_notes(heads, weights):
    command = ["pose", "--data", str(heads), "--threads", "1", "--resamples", "20"]
    result = CliRunner().invoke(evaluate_app, command)
    assert result.exit_code == 0, result.exception
    for text in ("pose on Pointing'04", "|yaw| < 30°", "geodesic", "0 faces not found"):
        assert text in result.stdout


def test_a_folder_of_no_known_format_ends_with_what_was_expected(tmp_path):
    result = CliRunner().invoke(evaluate_app, ["pose", "--data", str(tmp_path)])
    assert isinstance(result.exception, DataFormatError)
    assert "pictures named personPPSNN" in str(result.exception)


@pytest.mark.parametrize("task", ["detection", "landmarks", "pose", "expression"])
def test_the_help_of_each_task_says_where_its_data_sets_come_from(task):
    result = CliRunner().invoke(evaluate_app, [task, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "DIR" in result.stdout
    assert "research only" in result.stdout
