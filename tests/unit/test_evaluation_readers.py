"""Tiny files in the data sets' own formats, and what the readers make of them."""

from math import radians

import numpy as np
import pytest
import scipy.io

from schemas.messages import EXPRESSIONS
from workers.evaluation.errors import LabelError
from workers.evaluation.expression_names import NUMBERINGS, SYNONYMS, class_of
from workers.evaluation.read_aflw2000 import read_aflw2000_points, read_aflw2000_pose
from workers.evaluation.read_biwi import read_biwi
from workers.evaluation.read_csv import read_expression_csv, read_pose_csv
from workers.evaluation.read_dlib_xml import read_dlib_boxes, read_dlib_points
from workers.evaluation.read_fer2013 import read_fer2013
from workers.evaluation.read_folders import read_folders
from workers.evaluation.read_pointing04 import read_pointing04
from workers.evaluation.read_pts import read_pts
from workers.evaluation.read_voc import read_voc
from workers.evaluation.read_wider import LIST_NAME, read_wider

HAPPINESS, ANGER = EXPRESSIONS.index("happiness"), EXPRESSIONS.index("anger")


def cells(*values) -> np.ndarray:
    """A MATLAB cell column."""
    column = np.empty((len(values), 1), object)
    for n, value in enumerate(values):
        column[n, 0] = value
    return column


@pytest.fixture
def wider(tmp_path):
    """Two pictures of one event: three faces (the last invalid), and none."""
    split = tmp_path / "wider_face_split"
    split.mkdir()
    (split / LIST_NAME).write_text(
        "0--Parade/a.jpg\n3\n10 20 30 40 0 0 0 0 0 0\n100 0 8 9 1 0 0 0 1 0\n5 5 5 5 0 0 0 1 0 0\n"
        "0--Parade/b.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n"
    )
    (tmp_path / "WIDER_val" / "images" / "0--Parade").mkdir(parents=True)
    return tmp_path


def test_wider_boxes_are_corner_and_size_and_a_picture_without_faces_has_one_line(wider):
    data = read_wider(wider)
    first, second = data.pictures
    assert first.path == wider / "WIDER_val" / "images" / "0--Parade" / "a.jpg"
    assert first.label.boxes_xyxy.tolist() == [[10, 20, 40, 60], [100, 0, 108, 9], [5, 5, 10, 10]]
    assert first.label.ignored.tolist() == [False, False, True]
    assert len(second.label.boxes_xyxy) == 0
    assert "no event lists" in data.notes[0]


def test_the_event_lists_of_wider_say_which_faces_are_easy(wider):
    chosen = {"easy": [[1], []], "medium": [[1, 2], []], "hard": [[1, 2, 3], []]}
    for level, numbers in chosen.items():
        scipy.io.savemat(
            wider / f"wider_{level}_val.mat",
            {
                "event_list": cells("0--Parade"),
                "file_list": cells(cells("a", "b")),
                "gt_list": cells(cells(*(np.array(n, float).reshape(-1, 1) for n in numbers))),
            },
        )
    first, second = read_wider(wider).pictures
    assert first.label.settings["easy"].tolist() == [True, False, False]
    assert first.label.settings["medium"].tolist() == [True, True, False]
    assert first.label.settings["hard"].tolist() == [True, True, True]
    assert len(second.label.settings["hard"]) == 0


def test_an_event_list_of_another_set_is_refused(wider):
    scipy.io.savemat(wider / "wider_easy_val.mat", {"gt_list": cells(1)})
    with pytest.raises(LabelError, match="not an event list of WIDER FACE"):
        read_wider(wider)


def test_a_broken_list_of_boxes_names_its_line(wider):
    path = wider / "wider_face_split" / LIST_NAME
    path.write_text("0--Parade/a.jpg\nmany\n")
    with pytest.raises(LabelError, match=r"bbx_gt.txt, line 2: expected a count"):
        read_wider(wider)


def voc_file(folder, stem: str, name: str, difficult: int = 0):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.xml").write_text(
        f"<?xml version='1.0' encoding='utf-8'?><annotation><filename>{stem}.jpg</filename>"
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>11</xmin>"
        "<ymin>21</ymin><xmax>31</xmax><ymax>51</ymax></bndbox></object></annotation>"
    )


def test_voc_counts_pixels_from_one_and_says_whether_they_are_heads(tmp_path):
    voc_file(tmp_path / "Annotations", "a", "person", difficult=1)
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "a.jpg").touch()
    (picture,) = read_voc(tmp_path).pictures
    assert picture.path == tmp_path / "JPEGImages" / "a.jpg"
    assert picture.label.boxes_xyxy.tolist() == [[10, 20, 30, 50]]
    assert picture.label.ignored.tolist() == [True]
    assert picture.label.kind == "heads"


def test_a_split_of_voc_keeps_the_pictures_that_it_names(tmp_path):
    voc_file(tmp_path / "Annotations", "a", "face")
    voc_file(tmp_path / "Annotations", "b", "face")
    (tmp_path / "test.txt").write_text("b\n")
    assert [p.group for p in read_voc(tmp_path, "test").pictures] == ["b"]


def test_objects_that_are_neither_faces_nor_heads_are_refused(tmp_path):
    voc_file(tmp_path, "a", "dog")
    with pytest.raises(LabelError, match="objects named dog; expected all 'face'"):
        read_voc(tmp_path)


def test_xml_with_entities_is_refused_before_it_is_expanded(tmp_path):
    (tmp_path / "a.xml").write_text(
        "<!DOCTYPE a [<!ENTITY b 'bb'>]><annotation><object><name>&b;</name></object></annotation>"
    )
    with pytest.raises(LabelError, match="document type or entities"):
        read_voc(tmp_path)


def dlib_file(path, n_parts: int):
    parts = "".join(f"<part name='{n:02}' x='{n}' y='{2 * n}'/>" for n in range(n_parts))
    path.write_text(
        "<?xml version='1.0' encoding='ISO-8859-1'?>\n<?xml-stylesheet href='a.xsl'?>\n"
        "<dataset><images><image file='sub/a.jpg'>"
        f"<box top='20' left='10' width='30' height='40'>{parts}</box>"
        "<box top='0' left='0' width='5' height='5' ignore='1'/>"
        "</image></images></dataset>"
    )


def test_dlib_boxes_are_corner_and_size_and_some_are_ignored(tmp_path):
    dlib_file(tmp_path / "a.xml", 0)
    dlib_file(tmp_path / "b.xml", 0)  # the same picture once more
    (picture,) = read_dlib_boxes(tmp_path).pictures
    assert picture.path == tmp_path / "sub" / "a.jpg"
    assert picture.label.boxes_xyxy.tolist() == [[10, 20, 40, 60], [0, 0, 5, 5]]
    assert picture.label.ignored.tolist() == [False, True]


def test_dlib_faces_count_when_they_have_all_68_parts(tmp_path):
    dlib_file(tmp_path / "a.xml", 5)
    dlib_file(tmp_path / "b.xml", 68)
    (picture,) = read_dlib_points(tmp_path).pictures
    (face,) = picture.label
    assert face.points_xy[67].tolist() == [67, 134]
    assert face.box_xyxy == (0, 0, 67, 134)


def aflw2000_file(folder, number: int, pitch_deg: float, yaw_deg: float, roll_deg: float):
    points = np.stack((np.arange(68.0), np.arange(68.0) * 2, np.zeros(68)))
    pose = np.array([[radians(pitch_deg), radians(yaw_deg), radians(roll_deg), 1, 2, 3, 4e-4]])
    path = folder / f"image{number:05}.mat"
    scipy.io.savemat(path, {"Pose_Para": pose, "pt3d_68": points, "roi": np.zeros((1, 4))})
    path.with_suffix(".jpg").touch()


def test_aflw2000_yaw_is_turned_round_and_faces_beyond_99_degrees_are_left_out(tmp_path):
    aflw2000_file(tmp_path, 2, pitch_deg=-10, yaw_deg=40, roll_deg=5)
    aflw2000_file(tmp_path, 4, pitch_deg=-130, yaw_deg=10, roll_deg=5)
    # The archive's Code folder holds MAT files of another kind.
    (tmp_path / "Code").mkdir()
    scipy.io.savemat(tmp_path / "Code" / "Model_Shape.mat", {"mu": np.zeros(3)})
    data = read_aflw2000_pose(tmp_path)
    (picture,) = data.pictures
    label = picture.label
    assert (label.yaw_deg, label.pitch_deg, label.roll_deg) == pytest.approx((-40, -10, 5))
    assert label.order == "xyz"
    assert label.box_xyxy == (0, 0, 67, 134)
    assert picture.path.name == "image00002.jpg"
    assert data.notes[0].startswith("1 faces beyond")


def test_aflw2000_points_are_the_first_two_rows(tmp_path):
    aflw2000_file(tmp_path, 2, pitch_deg=0, yaw_deg=40, roll_deg=0)
    (picture,) = read_aflw2000_points(tmp_path).pictures
    (face,) = picture.label
    assert face.points_xy[3].tolist() == [3, 6]
    assert face.yaw_deg == pytest.approx(-40)


def biwi_file(folder, rotation):
    folder.mkdir(parents=True, exist_ok=True)
    rows = "\n".join(" ".join(f"{v:.6f}" for v in row) for row in rotation)
    (folder / "frame_00003_pose.txt").write_text(f"{rows}\n\n12.1 -30.5 910.2\n")
    (folder / "frame_00003_rgb.png").touch()


def turn(axis: int, degrees: float) -> np.ndarray:
    """The right-handed rotation about an axis."""
    c, s = np.cos(radians(degrees)), np.sin(radians(degrees))
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    rotation = np.eye(3)
    rotation[a, a] = rotation[b, b] = c
    rotation[a, b], rotation[b, a] = -s, s
    return rotation


def test_biwi_rotations_come_from_axes_that_point_down_and_away(tmp_path):
    # x right, y down, z away: the nose is -z. A turn about y by +30 takes it to -x: image left.
    biwi_file(tmp_path / "01", turn(1, 30))
    biwi_file(tmp_path / "02", turn(0, -20))  # about x by -20: the nose goes to -y, up
    biwi_file(tmp_path / "03", turn(2, 10))  # about z by +10: x goes to y, clockwise
    yaw, pitch, roll = (p.label for p in read_biwi(tmp_path).pictures)
    assert (yaw.yaw_deg, yaw.pitch_deg, yaw.roll_deg) == pytest.approx((-30, 0, 0), abs=1e-4)
    assert (pitch.yaw_deg, pitch.pitch_deg, pitch.roll_deg) == pytest.approx((0, 20, 0), abs=1e-4)
    assert (roll.yaw_deg, roll.pitch_deg, roll.roll_deg) == pytest.approx((0, 0, 10), abs=1e-4)


def test_biwi_angles_are_those_of_the_papers_but_for_the_sign_of_yaw(tmp_path):
    rotation = turn(0, -25) @ turn(1, 40) @ turn(2, 15)
    biwi_file(tmp_path / "07", rotation)
    (picture,) = read_biwi(tmp_path).pictures
    # Ruiz et al. 2018 transpose the matrix and read these.
    m = rotation.T
    pitch = np.degrees(np.arctan2(m[2, 1], m[2, 2]))
    yaw = -np.degrees(np.arctan2(-m[2, 0], np.hypot(m[2, 1], m[2, 2])))
    roll = -np.degrees(np.arctan2(m[1, 0], m[0, 0]))
    label = picture.label
    assert (-label.yaw_deg, label.pitch_deg, label.roll_deg) == pytest.approx(
        (yaw, pitch, roll), abs=1e-3
    )
    assert picture.group == "07"


def test_numbers_that_are_no_rotation_are_refused(tmp_path):
    biwi_file(tmp_path / "01", np.ones((3, 3)))
    with pytest.raises(LabelError, match="no rotation"):
        read_biwi(tmp_path)


def test_pointing04_names_tell_tilt_up_and_pan_to_the_image_left(tmp_path):
    (tmp_path / "person03215-30+75.jpg").touch()
    (tmp_path / "person03215-30+75.txt").write_text("a.jpg\n\nFace\n100\n80\n40\n60\n")
    (tmp_path / "person.jpg").touch()
    data = read_pointing04(tmp_path)
    (picture,) = data.pictures
    assert (picture.label.yaw_deg, picture.label.pitch_deg) == (-75, -30)
    assert np.isnan(picture.label.roll_deg)
    assert picture.label.box_xyxy == (80, 50, 120, 110)
    assert (picture.group, data.grouped_by) == ("03", "person")


def test_300w_points_count_pixels_from_one_and_folders_are_parts(tmp_path):
    folder = tmp_path / "lfpw" / "testset"
    folder.mkdir(parents=True)
    rows = "\n".join(f"{n + 1}.0 {2 * n + 1}.5" for n in range(68))
    (folder / "a.pts").write_text(f"version: 1\nn_points:  68\n{{\n{rows}\n}}\n")
    (folder / "a.jpg").touch()
    (picture,) = read_pts(tmp_path).pictures
    assert picture.path == folder / "a.jpg"
    assert picture.part == "lfpw/testset"
    assert picture.label[0].points_xy[1].tolist() == [1, 2.5]


def test_points_files_of_other_than_68_points_are_refused(tmp_path):
    (tmp_path / "a.pts").write_text("n_points: 2\n{\n1 1\n2 2\n}\n")
    with pytest.raises(LabelError, match="expected 68 points, got 2"):
        read_pts(tmp_path)


def test_a_table_of_poses_has_our_signs_and_may_leave_roll_empty(tmp_path):
    (tmp_path / "poses.csv").write_text("path,yaw,pitch,roll,person\na.jpg,10,-5,,anna\n")
    data = read_pose_csv(tmp_path)
    (picture,) = data.pictures
    assert (picture.path, picture.group, data.grouped_by) == (tmp_path / "a.jpg", "anna", "person")
    assert (picture.label.yaw_deg, picture.label.pitch_deg) == (10, -5)
    assert np.isnan(picture.label.roll_deg)


def test_an_angle_that_is_no_number_names_its_line(tmp_path):
    (tmp_path / "poses.csv").write_text("path,yaw,pitch,roll\na.jpg,10,-5,0\nb.jpg,left,0,0\n")
    with pytest.raises(LabelError, match="line 3: an angle that is no number"):
        read_pose_csv(tmp_path)


def test_a_table_of_expressions_finds_its_pictures_in_the_folder_beside_it(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    (tmp_path / "labels.csv").write_text("image,emotion\na.jpg,Happy\nb.jpg,contempt\n")
    data = read_expression_csv(tmp_path)
    (picture,) = data.pictures
    assert (picture.path, picture.label) == (tmp_path / "images" / "a.jpg", HAPPINESS)
    assert data.notes == ("1 pictures of classes beside the seven left out",)


def test_unknown_classes_are_all_named_with_what_is_known(tmp_path):
    (tmp_path / "labels.csv").write_text("image,emotion\na.jpg,happy\nb.jpg,bored\nc.jpg,tired\n")
    with pytest.raises(LabelError, match=r"bored, tired.*happiness \(happy, joy"):
        read_expression_csv(tmp_path)


def test_fer2013_pictures_are_inside_its_table(tmp_path):
    pixels = " ".join(str(n % 256) for n in range(48 * 48))
    (tmp_path / "fer2013.csv").write_text(
        f"emotion,pixels,Usage\n3,{pixels},PrivateTest\n0,{pixels},PublicTest\n"
    )
    (picture,) = read_fer2013(tmp_path).pictures
    assert picture.label == HAPPINESS
    image = picture.read()
    assert image.shape == (48, 48, 3)
    assert image[1, 2].tolist() == [50, 50, 50]
    (other,) = read_fer2013(tmp_path, "PublicTest").pictures
    assert other.label == ANGER
    with pytest.raises(LabelError, match="no row has the Usage 'Test'"):
        read_fer2013(tmp_path, "Test")


def test_folders_are_classes_and_contempt_is_left_out(tmp_path):
    for folder in ("Angry", "joy", "contempt", "notes"):
        (tmp_path / folder).mkdir()
    for path in ("Angry/a.jpg", "joy/b.png", "joy/readme.txt", "contempt/c.jpg"):
        (tmp_path / path).touch()
    data = read_folders(tmp_path)
    assert [(p.path.name, p.label) for p in data.pictures] == [
        ("a.jpg", ANGER),
        ("b.png", HAPPINESS),
    ]
    assert "1 pictures" in data.notes[0]


def test_numbered_folders_need_to_be_told_whose_numbers_they_are(tmp_path):
    (tmp_path / "4").mkdir()
    (tmp_path / "4" / "a.jpg").touch()
    with pytest.raises(LabelError, match=r"say which with --numbering fer2013\|rafdb"):
        read_folders(tmp_path)
    assert read_folders(tmp_path, "rafdb").pictures[0].label == HAPPINESS
    assert read_folders(tmp_path, "fer2013").pictures[0].label == EXPRESSIONS.index("sadness")


def test_every_expression_has_synonyms_of_its_own_and_a_place_in_every_numbering():
    assert set(SYNONYMS) == set(EXPRESSIONS)
    words = [word for known in SYNONYMS.values() for word in known]
    assert len(words) == len(set(words))
    for name, numbered in NUMBERINGS.items():
        classes = [class_of(str(number), name) for number, _ in numbered]
        assert sorted(c for c in classes if c is not None) == list(range(7))
