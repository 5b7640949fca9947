"""`facepose image`: what it prints, what it draws, and its exit status."""

import json

import cv2
import numpy as np
import pytest

from schemas.messages import EXPRESSIONS
from workers.drawing import draw_faces, label_lines
from workers.face import Face
from workers.image import face_record, pictures_in, run_image


@pytest.fixture
def empty_room(tmp_path):
    """A readable picture without a face."""
    path = tmp_path / "room.png"
    cv2.imwrite(str(path), np.full((60, 80, 3), 90, np.uint8))
    return path


def a_face(**changes) -> Face:
    values = {
        "box_xyxy": (10.123, 20.0, 50.0, 70.0),
        "confidence": 0.91239,
        "landmarks_xy": np.tile(np.array([[30.125, 45.0]], np.float32), (478, 1)),
        "yaw_deg": 12.345,
        "pitch_deg": -3.0,
        "roll_deg": 1.0,
        "eye_openness": (0.3123, 0.29),
        "presence": 0.999,
        "expression_probs": (0.0, 0.0, 0.0, 0.9, 0.0, 0.0, 0.1),
    }
    return Face(**{**values, **changes})


def json_lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_of_a_face_has_the_documented_form_and_sensible_digits():
    record = face_record(a_face())
    assert list(record) == [
        "box_xyxy",
        "confidence",
        "yaw_deg",
        "pitch_deg",
        "roll_deg",
        "landmarks_xy",
        "eye_openness",
        "expression",
    ]
    assert record["box_xyxy"] == [10.12, 20.0, 50.0, 70.0]
    assert record["confidence"] == 0.9124
    assert record["yaw_deg"] == pytest.approx(12.35, abs=0.01)
    assert len(record["landmarks_xy"]) == 478
    assert record["eye_openness"] == [0.312, 0.29]
    assert tuple(record["expression"]) == EXPRESSIONS
    assert record["expression"]["happiness"] == 0.9


def test_what_is_not_known_is_null_in_json():
    face = a_face(yaw_deg=None, pitch_deg=None, roll_deg=None, expression_probs=None)
    record = json.loads(json.dumps(face_record(face)))
    assert record["yaw_deg"] is record["pitch_deg"] is record["roll_deg"] is None
    assert record["expression"] is None


def test_a_folder_stands_for_the_pictures_in_it_sorted(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "sub").mkdir()
    assert [path.name for path in pictures_in([tmp_path])] == ["a.png", "b.JPG"]


def test_an_empty_folder_stays_so_that_its_error_can_be_told(tmp_path):
    assert list(pictures_in([tmp_path])) == [tmp_path]


def test_a_picture_without_faces_is_one_json_object_and_success(weights, empty_room, capsys):
    assert run_image([empty_room], as_json=True, device="cpu", threads=1) == 0
    (record,) = json_lines(capsys.readouterr().out)
    assert record == {"path": str(empty_room), "width": 80, "height": 60, "faces": []}


def test_an_unreadable_picture_is_told_after_the_others_are_done(
    weights, empty_room, tmp_path, capsys
):
    broken, absent = tmp_path / "broken.jpg", tmp_path / "absent.jpg"
    broken.write_bytes(b"\xff\xd8\xff no")
    paths = [broken, empty_room, absent, empty_room]
    assert run_image(paths, as_json=True, expression=False, device="cpu", threads=1) == 1
    first, second, third, fourth = json_lines(capsys.readouterr().out)
    assert set(first) == set(third) == {"path", "error"}
    assert "not a picture" in first["error"]
    assert "No such file" in third["error"]
    assert second == fourth
    assert second["faces"] == []


def test_an_empty_folder_is_an_error(weights, tmp_path, capsys):
    assert run_image([tmp_path], as_json=True, expression=False, device="cpu", threads=1) == 1
    assert json_lines(capsys.readouterr().out)[0]["error"] == "no pictures in this folder"


def test_the_table_names_the_picture_and_errors_go_to_stderr(weights, empty_room, capsys):
    absent = empty_room.with_name("absent.png")
    status = run_image([empty_room, absent], expression=False, device="cpu", threads=1)
    out, err = capsys.readouterr()
    assert status == 1
    assert "80 x 60, 0 faces" in out.replace("\n", " ")
    assert "absent.png" in err.replace("\n", "")


def test_one_picture_is_drawn_into_a_file_and_several_into_a_folder(weights, empty_room, tmp_path):
    other = tmp_path / "sub" / "room.png"
    other.parent.mkdir()
    other.write_bytes(empty_room.read_bytes())
    one, several = tmp_path / "new" / "one.jpg", tmp_path / "several"
    assert run_image([empty_room], draw=one, expression=False, device="cpu", threads=1) == 0
    assert one.exists()
    paths = [empty_room, other]
    assert run_image(paths, draw=several, expression=False, device="cpu", threads=1) == 0
    assert sorted(path.name for path in several.iterdir()) == ["room-2.png", "room.png"]


def test_drawing_never_overwrites_the_picture_itself(weights, empty_room, capsys):
    before = empty_room.read_bytes()
    status = run_image(
        [empty_room], as_json=True, draw=empty_room, expression=False, device="cpu", threads=1
    )
    assert status == 1
    assert "would overwrite" in json_lines(capsys.readouterr().out)[0]["error"]
    assert empty_room.read_bytes() == before


def test_a_real_picture_gives_its_five_faces_as_json_and_drawn(
    weights, real_data, tmp_path, capsys
):
    path = real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")
    drawn = tmp_path / "drawn.png"
    assert run_image([path], as_json=True, draw=drawn, device="cpu", threads=1) == 0
    (record,) = json_lines(capsys.readouterr().out)
    assert (record["width"], record["height"], len(record["faces"])) == (1000, 667, 5)
    assert all(set(face["expression"]) == set(EXPRESSIONS) for face in record["faces"])
    assert max(cv2.imread(str(drawn)).shape) >= 1000


def test_drawing_changes_a_copy_and_stays_within_the_picture_at_its_edges():
    image = np.full((100, 100, 3), 80, np.uint8)
    beyond = a_face(
        box_xyxy=(-20.0, -10.0, 30.0, 120.0),
        landmarks_xy=np.linspace((-50, -50), (150, 150), 478).astype(np.float32),
    )
    drawn = draw_faces(image, [beyond, a_face(yaw_deg=None), a_face()])
    assert (image == 80).all()
    assert drawn.shape[0] == drawn.shape[1] > 100
    assert (drawn != 80).any()


def test_a_label_tells_angles_and_expression_or_that_there_is_no_pose():
    assert label_lines(a_face()) == ["yaw +12 pitch -3 roll +1", "happiness 90 %"]
    unknown = a_face(yaw_deg=None, pitch_deg=None, roll_deg=None, expression_probs=None)
    assert label_lines(unknown) == ["no pose"]


def test_a_face_whose_landmarks_are_not_points_of_a_picture_is_refused():
    with pytest.raises(ValueError, match=r"expected \(L, 2\) landmarks"):
        a_face(landmarks_xy=np.zeros((478, 3), np.float32))
