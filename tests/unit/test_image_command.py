"""`facepose image`: what it prints, what it draws, and its exit status."""

import json
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.messages import EXPRESSIONS
from workers.drawing import draw_faces, drawn_size, label_lines, track_colour
from workers.face import Face
from workers.image import face_record, pictures_in, run_image
from workers.label_places import place_labels


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
        "quality",
        "static",
        "yaw_deg",
        "pitch_deg",
        "roll_deg",
        "eye_openness",
        "expression",
        "landmarks_xy",
    ]
    assert record["box_xyxy"] == [10.12, 20.0, 50.0, 70.0]
    assert record["confidence"] == 0.9124
    assert record["yaw_deg"] == pytest.approx(12.35, abs=0.01)
    assert len(record["landmarks_xy"]) == 478
    assert record["eye_openness"] == [0.312, 0.29]
    assert tuple(record["expression"]) == EXPRESSIONS
    assert record["expression"]["happiness"] == 0.9


def test_what_is_not_known_is_null_in_json():
    face = a_face(
        yaw_deg=None, pitch_deg=None, roll_deg=None, expression_probs=None, eye_openness=None
    )
    record = json.loads(json.dumps(face_record(face)))
    assert record["yaw_deg"] is record["pitch_deg"] is record["roll_deg"] is None
    assert record["expression"] is record["eye_openness"] is None


def test_json_can_leave_the_landmarks_out():
    assert "landmarks_xy" not in face_record(a_face(), points=False)


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


def test_a_face_on_a_screen_and_a_hardly_seen_one_are_drawn_thinner():
    image = np.full((700, 1300, 3), 80, np.uint8)
    box = (200.0, 200.0, 500.0, 600.0)

    def drawn_pixels(**changes) -> int:
        face = a_face(box_xyxy=box, yaw_deg=None, **changes)
        return int((draw_faces(image, [face], points=False)[300:600, 190:210] != 80).any(-1).sum())

    assert drawn_pixels(static=True) < drawn_pixels()
    assert drawn_pixels(quality=0.1) < drawn_pixels(quality=0.9)


def test_a_track_has_one_colour_and_its_neighbours_others():
    colours = [track_colour(number) for number in range(1, 21)]
    assert len(set(colours)) == 20
    assert track_colour(5) == colours[4]
    assert all(sum(colour) > 380 for colour in colours)  # legible on dark and light walls
    near = [np.abs(np.subtract(a, b)).sum() for a, b in pairwise(colours)]
    assert min(near) > 60


def test_small_pictures_are_drawn_larger_and_large_ones_as_they_are():
    assert drawn_size(480, 270) == (1280, 720)
    assert drawn_size(100, 50) == (400, 200)
    assert drawn_size(3840, 2160) == (3840, 2160)


def test_faces_of_98_landmarks_are_drawn_too():
    face = a_face(landmarks_xy=np.full((98, 2), 30, np.float32))
    assert (draw_faces(np.full((100, 100, 3), 80, np.uint8), [face]) != 80).any()


@given(
    st.lists(
        st.tuples(st.integers(-50, 600), st.integers(-50, 300), st.integers(5, 90)), max_size=12
    )
)
def test_labels_stay_inside_the_picture(places):
    boxes = [(x, y, side, side) for x, y, side in places]
    corners = place_labels(boxes, [(150, 40)] * len(boxes), (640, 360))
    assert all(0 <= x <= 640 - 150 and 0 <= y <= 360 - 40 for x, y in corners)


def test_labels_of_faces_side_by_side_hide_no_other_label_and_no_face():
    boxes = [(100 + 90 * i, 200, 60, 70) for i in range(8)]
    corners = place_labels(boxes, [(150, 40)] * 8, (1280, 720))
    labels = [(x, y, x + 150, y + 40) for x, y in corners]
    faces = [(x, y, x + w, y + h) for x, y, w, h in boxes]
    assert not any(overlap(a, b) for i, a in enumerate(labels) for b in labels[:i])
    assert not any(overlap(a, b) for a in labels for b in faces)


def overlap(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_a_label_tells_angles_and_expression_or_that_there_is_no_pose():
    assert label_lines(a_face()) == ["yaw +12 pitch -3 roll +1", "happiness 90 %"]
    unknown = a_face(yaw_deg=None, pitch_deg=None, roll_deg=None, expression_probs=None)
    assert label_lines(unknown) == ["no pose"]
    assert label_lines(a_face(expression_probs=None), 12) == ["#12 yaw +12 pitch -3 roll +1"]
    assert label_lines(a_face(static=True))[-1] == "does not move"


def test_a_face_whose_landmarks_are_not_points_of_a_picture_is_refused():
    with pytest.raises(ValueError, match=r"expected \(L, 2\) landmarks"):
        a_face(landmarks_xy=np.zeros((478, 3), np.float32))
