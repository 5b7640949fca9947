"""What is said of a camera's faces: rows, sizes, angles, light."""

import pytest

from deploy import camera_advice as advice
from deploy.face_sizes import FaceGroup, SeenFace, rows
from schemas.site import Camera

CAMERA = Camera(id="lab-1", url="rtsp://camera/main", sub_url="rtsp://camera/sub")


def face(y_px: float, height_px: float, yaw_deg: float | None = 0.0) -> SeenFace:
    return SeenFace(0.5, y_px / 1000, y_px, height_px, yaw_deg)


def sizes(*heights: float, camera: Camera = CAMERA, expression: bool = True) -> list[str]:
    groups = [FaceGroup(f"row {n}", px, px) for n, px in enumerate(heights, start=1)]
    return list(advice.about_sizes(camera, groups, expression=expression))


def test_rows_are_parted_where_no_face_is_and_counted_from_the_camera():
    faces = [face(600 + n, 60) for n in range(5)] + [face(300 + n, 22) for n in range(6)]
    assert [(row.name, row.median_px) for row in rows(faces)] == [("row 1", 60), ("row 2", 22)]


def test_rows_that_run_into_each_other_are_parted_by_size():
    far_and_near = [face(300 + 8 * n, 20 + 4 * n) for n in range(12)]
    assert all(row.median_px <= 1.8 * row.smallest_px for row in rows(far_and_near))
    assert rows([]) == []


def test_the_issue_of_small_faces_is_told_row_by_row_the_smallest_first():
    assert sizes(80, 30, 22) == [
        "row 3: faces 22 px, too small to be scored, and expression will abstain below 32",
        "row 2: faces 30 px, expression will abstain below 32",
        "to enlarge them: set a larger picture in the camera, move it nearer or choose a lens "
        "with 1.5 times the focal length",
    ]


def test_large_faces_need_no_advice():
    assert sizes(80, 32) == []
    assert sizes(29, expression=False) == []


def test_a_sub_stream_is_exchanged_for_the_main_one_first():
    sub = CAMERA.model_copy(update={"stream": "sub"})
    assert "to enlarge them: read the main stream" in sizes(22, camera=sub)[1]


def test_faces_that_are_hard_to_find_are_looked_for_in_a_part():
    assert "`detection: {regions: …}`" in sizes(16)[-1]
    assert "detection" not in sizes(22)[-1]


@pytest.mark.parametrize(("yaws", "told"), [((50, -60, 5), True), ((50, 5, 5), False)])
def test_most_faces_turned_away_move_the_camera_to_the_board(yaws, told):
    words = list(advice.about_view([face(1, 50, yaw) for yaw in (*yaws, None)], level=120))
    assert bool(words) is told
    assert all("2 of 3 faces are turned away by more than 45 degrees" in word for word in words)


def test_a_dark_picture_is_told():
    (word,) = advice.about_view([], level=20)
    assert word.startswith("the picture is dark (20 of 255)")


def test_every_cause_that_a_first_look_can_meet_has_a_remedy():
    assert set(advice.REMEDIES) >= {"unreachable", "unauthorized", "not_found", "busy", "silent"}
    assert advice.remedy("failed") == "see the camera's own log"
