"""IDF1 and switches of small films whose figures can be reckoned by hand."""

import numpy as np
import pytest

from tests.identity_metrics import Boxes, compare


def frame(**people):
    """Each person's number by column: a=1 stands at x = 0, b=2 at x = 100."""
    xs = {"a": 0.0, "b": 100.0, "c": 200.0}
    corners = [(xs[who], 0.0, xs[who] + 10, 10.0) for who in people]
    return Boxes(tuple(people.values()), np.array(corners).reshape(-1, 4))


TRUTH = [frame(a=1, b=2)] * 4


def test_numbers_that_stay_are_perfect_whatever_they_are():
    identity = compare(TRUTH, [frame(a=7, b=3)] * 4)
    assert (identity.idf1, identity.switches) == (1.0, 0)


def test_two_who_exchange_their_numbers_are_half_wrong_and_two_switches():
    identity = compare(TRUTH, [frame(a=1, b=2)] * 2 + [frame(a=2, b=1)] * 2)
    assert (identity.right, identity.missed, identity.wrong) == (4, 4, 4)
    assert (identity.idf1, identity.switches) == (0.5, 2)


def test_the_longer_of_two_numbers_counts():
    identity = compare(TRUTH, [frame(a=1, b=2)] + [frame(a=3, b=2)] * 3)
    assert (identity.right, identity.missed, identity.wrong) == (7, 1, 1)
    assert identity.switches == 1


def test_a_person_who_is_lost_and_found_under_the_same_number_has_not_switched():
    identity = compare(TRUTH, [frame(a=1, b=2), frame(b=2), frame(), frame(a=1, b=2)])
    assert identity.switches == 0
    assert identity.idf1 == pytest.approx(2 * 5 / (8 + 5))


def test_false_faces_lower_idf1():
    identity = compare(TRUTH, [frame(a=1, b=2, c=9)] * 4)
    assert (identity.missed, identity.wrong) == (0, 4)


def test_a_whole_trajectory_is_paired_not_each_frame_for_itself():
    """Person 1 is told as 5, 5, 6, 6; person 2 as 6, 6, then not at all: 5-1 and 6-2, or 6-1."""
    told = [frame(a=5, b=6), frame(a=5, b=6), frame(a=6), frame(a=6)]
    identity = compare(TRUTH, told)
    assert (identity.right, identity.missed, identity.wrong) == (4, 4, 2)
    assert identity.switches == 1


def test_films_without_anybody_are_no_division_by_zero():
    assert compare([frame()] * 2, [frame()] * 2).idf1 == 0.0
