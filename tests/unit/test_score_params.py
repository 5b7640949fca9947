"""Parameters of score versions: version 1 never changes, others are checked before they count."""

import numpy as np
import pytest

from aggregator.errors import ScoreParamsError
from aggregator.score import PARAMS, attention, is_scored, orientation
from aggregator.score_params import AS_1, changes_geometry, params_from
from schemas.room_plan import Direction
from schemas.score_versions import params_sha256


def test_the_parameters_of_version_1_stand_in_databases_and_never_change():
    """A changed formula is a new version. Do not correct this hash."""
    assert params_sha256(PARAMS) == (
        "74d05819bf2fa61c326ea3bececa22fa31fb071b1483353d2248191865078c11"
    )


def test_the_built_in_parameters_are_those_of_the_formula():
    """Every constant that a rescored lesson uses, against the code that scores lessons."""
    dy, dp = (each.ravel() for each in np.meshgrid(np.arange(-80.0, 81.0), np.arange(-85.0, 46.0)))
    seen = orientation(dy, dp, Direction(yaw_deg=0.0, pitch_deg=0.0))
    front, desk = AS_1.memberships(dy, dp)
    np.testing.assert_allclose(front, seen.o_front, atol=1e-12)
    np.testing.assert_allclose(desk, seen.o_desk, atol=1e-12)
    for activity in ("lecture", "unknown", "seatwork", "discussion", "never heard of"):
        assert AS_1.is_scored(activity) == is_scored(activity)
        front_credit, *desk_credits = AS_1.credits_of(activity)
        for recent, credit in zip((True, False), desk_credits, strict=True):
            expected, _ = attention(activity, seen, recent=recent)
            np.testing.assert_allclose(
                np.maximum(front_credit * front, credit * desk), expected, atol=1e-12
            )


def test_a_file_names_only_what_it_changes():
    params = params_from({"credit": {"lecture": [1, 0.5, 0.2]}, "front_box_deg": [15, 10]})
    assert params.credits_of("lecture") == (1.0, 0.5, 0.2)
    assert params.credits_of("seatwork") == AS_1.credits_of("seatwork")
    assert params.front_box_deg == (15.0, 10.0)
    assert changes_geometry(AS_1, params)
    assert not changes_geometry(AS_1, params_from({"credit": {"exam": [0, 0, 0]}}))
    assert params_from({}) == AS_1


def test_whole_numbers_and_fractions_are_the_same_parameters():
    whole = params_from({"front_box_deg": [15, 10]})
    fractions = params_from({"front_box_deg": [15.0, 10.0]})
    assert params_sha256(whole.as_dict) == params_sha256(fractions.as_dict)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"front_box": [1, 2]}, "unknown field `front_box`"),
        ({"credit": {"lecture": [1.0, 1.2, 0.4]}}, "<= 1"),
        ({"credit": {"lecture": [1.0, 0.8]}}, "length 3"),
        ({"credit": "much"}, "Expected `object`"),
        ({"membership_deg": [25, 5]}, "25.0 must be less than 5.0"),
        ({"recent_s": 30}, "recent_s: stored history does not tell"),
        ({"ear": {"p0": 0.2}, "quality": {"px0": 20}}, "ear, quality: stored history"),
        ({"not_scored": ["break"]}, "lessons of discussion, exam, groupwork were not scored"),
    ],
)
def test_parameters_that_cannot_be_used_say_why(changes, sentence):
    with pytest.raises(ScoreParamsError, match=sentence):
        params_from(changes)
