"""A folder's format is told by its files; where it cannot be, the error says what to do."""

import numpy as np
import pytest
import scipy.io

from workers.evaluation.errors import DataFormatError
from workers.evaluation.formats import FORMATS, ReadOptions, read_data_set
from workers.evaluation.labels import DataSet, LabelledPicture
from workers.evaluation.read_wider import LIST_NAME


@pytest.fixture
def aflw2000(tmp_path):
    scipy.io.savemat(
        tmp_path / "image00002.mat", {"Pose_Para": np.zeros((1, 7)), "pt3d_68": np.eye(3, 68)}
    )
    (tmp_path / "image00002.jpg").touch()
    return tmp_path


def read(task, folder, name=None):
    return read_data_set(task, folder, ReadOptions(), name)


def test_one_folder_may_serve_several_tasks(aflw2000):
    assert read("pose", aflw2000).format == "AFLW2000-3D"
    assert read("landmarks", aflw2000).format == "AFLW2000-3D"


def test_a_folder_for_another_task_is_recognised(aflw2000):
    with pytest.raises(DataFormatError) as caught:
        read("detection", aflw2000)
    text = str(caught.value)
    assert "nothing here that evaluate detection can read: found 1 .jpg, 1 .mat" in text
    assert f"wider: {LIST_NAME}" in text
    assert "evaluate pose reads it as aflw2000" in text


def test_an_empty_folder_and_an_absent_one_are_told_apart(tmp_path):
    with pytest.raises(DataFormatError, match="the folder is empty"):
        read("pose", tmp_path)
    with pytest.raises(DataFormatError, match="there is no such file or folder"):
        read("pose", tmp_path / "absent")


def test_folders_that_are_there_instead_are_named(tmp_path):
    for name in ("train", "test"):
        (tmp_path / name / "happy").mkdir(parents=True)
        (tmp_path / name / "happy" / "a.jpg").touch()
    with pytest.raises(DataFormatError, match=r"found 2 \.jpg; folders test, train"):
        read("expression", tmp_path)


def test_two_formats_in_one_folder_must_be_chosen_between(aflw2000):
    (aflw2000 / "poses.csv").write_text("path,yaw,pitch,roll\nimage00002.jpg,1,2,3\n")
    with pytest.raises(DataFormatError, match="could be aflw2000, csv: say which with --format"):
        read("pose", aflw2000)
    assert read("pose", aflw2000, "csv").format == "CSV path,yaw,pitch,roll"
    assert read("pose", aflw2000 / "poses.csv").format == "CSV path,yaw,pitch,roll"


def test_a_table_beside_its_folder_of_pictures_is_the_table(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    (tmp_path / "labels.csv").write_text("image,emotion\na.jpg,anger\n")
    assert read("expression", tmp_path).format == "CSV image,emotion"


def test_an_unknown_format_lists_the_known_ones(aflw2000):
    with pytest.raises(
        DataFormatError,
        match="evaluate pose knows no format 'wider'; it reads aflw2000, biwi, pointing04, csv",
    ):
        read("pose", aflw2000, "wider")


def test_a_chosen_format_that_is_not_there_says_what_it_expected(aflw2000):
    with pytest.raises(
        DataFormatError, match=r"expected NN/frame_MMMMM_pose.txt; found 1 \.jpg, 1 \.mat"
    ):
        read("pose", aflw2000, "biwi")


def test_names_of_formats_are_told_apart_within_a_task():
    for formats in FORMATS.values():
        names = [known.name for known in formats]
        assert len(names) == len(set(names))


def test_a_limit_draws_the_same_pictures_with_the_same_seed_in_the_sets_order(tmp_path):
    pictures = tuple(LabelledPicture(tmp_path / f"{n:03}", n, group=str(n)) for n in range(100))
    whole = DataSet("numbers", pictures)
    drawn = [p.label for p in whole.limited(10, seed=3).pictures]
    assert drawn == sorted(drawn)
    assert drawn == [p.label for p in whole.limited(10, seed=3).pictures]
    assert drawn != [p.label for p in whole.limited(10, seed=4).pictures]
    assert whole.limited(10, seed=3).notes == ("10 of 100 pictures, drawn with seed 3",)
    assert whole.limited(100, seed=3) is whole
