"""Names of the site file stand for real networks; wrong ones are refused with the right ones."""

import pytest
from pydantic import ValidationError

from deploy.init import render
from schemas.analysis import (
    DETECTORS,
    EXPRESSION_NETS,
    LANDMARKS,
    POSES,
    DetectionPlan,
    DetectionRegion,
    ModelChoices,
)
from schemas.errors import SiteFileError
from schemas.site_file import parse_site
from workers import choices
from workers.errors import ChoiceError
from workers.user_weights import USER_FILES
from workers.weights import manifest

LANDMARKS_FOR = {"pfld_linear": "pfld98"}


def site_with(text: str):
    return parse_site(render("site.yaml", "S", "UTC", "demo", [("Room", "film.mp4")]) + text)


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_is_what_its_name_says(name):
    assert choices.detector(name).name == choices.detector(name).spec.name == name


@pytest.mark.parametrize("name", LANDMARKS)
def test_every_landmark_network_is_what_its_name_says(name):
    model = choices.landmark_model(name)
    assert model.name == name
    assert model.eyes.shape == (2, 6)
    assert model.eyes.max() < model.n_points


@pytest.mark.parametrize("name", POSES)
def test_every_pose_is_what_its_name_says(name):
    method = choices.pose_method(name, LANDMARKS_FOR.get(name, "mediapipe478"))
    assert method.name == name
    assert set(method.landmarks) <= set(LANDMARKS)


@pytest.mark.parametrize("name", EXPRESSION_NETS)
def test_every_expression_reader_is_what_its_name_says(name):
    assert choices.expression_model(name).name == name


def test_every_network_has_its_weights_with_a_licence_or_is_the_users_own():
    for detector in DETECTORS:
        for pose in POSES:
            landmarks = LANDMARKS_FOR.get(pose, "mediapipe478")
            for net in EXPRESSION_NETS:
                models = ModelChoices(
                    detector=detector, landmarks=landmarks, pose=pose, expression=net
                )
                for name in choices.weights_of(models, expression=True):
                    assert name in USER_FILES or manifest()[name].licence


def test_the_defaults_need_only_what_a_plain_pull_brings():
    wanted = choices.weights_of(ModelChoices(), expression=True)
    assert not any(manifest()[name].optional for name in wanted)


def test_expression_weights_are_not_even_named_where_policy_forbids_them():
    assert "mini_xception" not in choices.weights_of(ModelChoices(), expression=False)


def test_a_pose_that_cannot_use_the_landmarks_says_which_it_needs():
    said = "'procrustes' needs the landmarks mediapipe478, not 'pfld98'; .* pfld_linear or pnp"
    with pytest.raises(ChoiceError, match=said):
        choices.pose_method("procrustes", "pfld98")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ChoiceError, match="no detector named 'yolo'; there is yunet, centerface"):
        choices.detector("yolo")


def test_a_site_file_chooses_networks_for_all_and_looks_for_each_camera():
    site = site_with("models: {detector: centerface, precision: fast, follow: true}\n")
    assert site.models == ModelChoices(detector="centerface", precision="fast", follow=True)
    ((_, camera),) = site.cameras()
    assert camera.detection == DetectionPlan()


def test_a_site_file_with_an_unknown_network_is_refused_at_its_line():
    with pytest.raises(SiteFileError, match=r"models\.detector.*'yunet', 'centerface'"):
        site_with("models: {detector: yolo}\n")


@pytest.mark.parametrize("box", [(0.5, 0, 0.5, 1), (0, 0.9, 1, 0.1), (0, 0, 1, 1.5)])
def test_a_region_without_an_area_or_outside_the_picture_is_refused(box):
    with pytest.raises(ValidationError):
        DetectionRegion(box=box)
