"""Days of enrolments: the roster wins where it speaks, the past stays where it does not."""

import datetime as dt
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from deploy.roster.classes import slug_of
from deploy.roster.spans import EVER_SINCE, FOR_EVER, from_range, history, merge, to_range

DAY = dt.date(2026, 9, 1)
DAYS = st.sampled_from([EVER_SINCE, *(DAY + dt.timedelta(days=i) for i in range(20)), FOR_EVER])
SPANS = st.lists(st.tuples(DAYS, DAYS).filter(lambda span: span[0] < span[1]), max_size=6)
TODAY = st.none() | st.sampled_from([DAY + dt.timedelta(days=i) for i in range(20)])


def day(number):
    return DAY + dt.timedelta(days=number)


def covers(spans, when):
    return any(begin <= when < end for begin, end in spans)


@given(SPANS, SPANS, TODAY)
def test_taking_the_same_roster_twice_changes_nothing(stored, wanted, closed_on):
    once = history(merge(stored), wanted, closed_on)
    assert history(once, wanted, closed_on) == once
    if closed_on is not None:
        assert history(once, wanted, closed_on + dt.timedelta(days=3)) == once


@given(SPANS, SPANS, TODAY)
def test_what_is_stored_never_overlaps_and_says_what_the_roster_says(stored, wanted, closed_on):
    after = sorted(history(merge(stored), wanted, closed_on))
    assert all(one[1] <= other[0] for one, other in pairwise(after))
    assert set(merge(wanted)) <= set(after)


@given(SPANS, TODAY)
def test_nothing_before_the_closing_day_is_lost_where_the_roster_is_silent(stored, closed_on):
    after = history(merge(stored), [], closed_on)
    for number in range(20):
        held = covers(stored, day(number)) and (closed_on is None or day(number) < closed_on)
        assert covers(after, day(number)) == held


def test_an_enrolment_that_had_not_begun_is_taken_back_and_one_that_is_over_stays():
    stored = {(day(0), day(3)), (day(9), FOR_EVER)}
    assert history(stored, [], day(5)) == {(day(0), day(3))}


@given(st.tuples(DAYS, DAYS).filter(lambda span: span[0] < span[1]))
def test_a_span_is_the_same_as_a_range_of_the_database(span):
    assert from_range(to_range(span)) == span


def test_classes_get_ids_of_the_site_files_kind():
    assert slug_of("4A") == "4a"
    assert slug_of("  Français  / 5e B ") == "francais-5e-b"
    assert slug_of("--") == slug_of("数学") == ""
    assert len(slug_of("x" * 200)) == 63
