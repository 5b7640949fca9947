"""Whose word is enough for which profile, and how a line of consents is read."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from deploy.safeguards.consent_rows import consent_row, read_consents
from schemas.consents import GIVERS, PURPOSES, Word, may_link, purpose_number
from schemas.errors import SettingsError
from schemas.policy import PROFILES

AT = dt.datetime(2026, 10, 5, 7, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
LINE = {"student": "p", "purpose": "score", "word": "grant", "by": "guardian", "notice": "1"}


def said(by: str, granted: bool = True, since: int = -10, until: int | None = None) -> Word:
    end = None if until is None else AT + until * DAY
    return Word(granted, by, "1", AT + since * DAY, end)


@pytest.mark.parametrize(
    ("profile", "enough"),
    [
        ("demo", {*GIVERS, None}),
        ("research", {"guardian", "student", "both"}),
        ("standard", {"guardian", "student", "both"}),
        ("us", set(GIVERS)),
        ("us_ny", set(GIVERS)),
        ("us_il", set(GIVERS)),
        ("uk", {"guardian", "both"}),
        ("eu", set()),
    ],
)
def test_each_profile_takes_the_consent_of_its_own(profile, enough):
    assert {by for by in GIVERS if may_link(profile, [said(by)], AT)} == enough - {None}
    assert may_link(profile, [], AT) is (None in enough)


def test_every_profile_has_a_rule():
    assert {may_link(name, [], AT) for name in PROFILES} == {True, False}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_childs_refusal_beats_the_guardians_consent_until_the_child_takes_it_back(profile):
    guardian, veto = said("guardian"), said("student", granted=False, since=-5)
    assert not may_link(profile, [guardian, veto], AT)
    assert not may_link(profile, [veto, said("guardian", since=-1)], AT), "also a later one"
    taken_back = veto._replace(until=AT)
    assert may_link(profile, [guardian, taken_back], AT) is (profile != "eu")
    assert not may_link(profile, [guardian, taken_back], AT - DAY)


def test_a_consent_holds_from_its_first_moment_to_before_its_end():
    word = said("guardian", since=0, until=1)
    assert may_link("uk", [word], AT)
    assert not may_link("uk", [word], AT + DAY)
    assert not may_link("uk", [word], AT - dt.timedelta(seconds=1))


def test_purposes_have_the_numbers_of_the_table():
    assert [purpose_number(p) for p in PURPOSES] == [1, 2, 3, 4]
    assert purpose_number("score") == 2


def test_days_are_the_sites_own_and_the_last_one_counts():
    row = consent_row({**LINE, "from": "2026-10-24", "until": "2026-10-25"})
    word = row.word(ZoneInfo("Europe/Amsterdam"))
    assert word.since == dt.datetime(2026, 10, 23, 22, tzinfo=dt.UTC)
    assert word.until == dt.datetime(2026, 10, 25, 23, tzinfo=dt.UTC), "an hour more that day"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"purpose": "marks"}, "purpose is 'marks'; it is one of presence, score"),
        ({"word": "maybe"}, "word is 'maybe'"),
        ({"by": "aunt"}, "by is 'aunt'"),
        ({"from": "5.10.2026"}, "a day is written"),
        ({"from": ""}, "from is missing"),
        ({"notice": ""}, "notice is missing"),
        ({"until": "2026-10-01"}, "lies before"),
        ({"sourced_id": "s"}, "not both"),
        ({"student": ""}, "not both"),
    ],
)
def test_a_wrong_line_is_told(changes, told):
    with pytest.raises(SettingsError, match=told):
        consent_row({**LINE, "from": "2026-10-05", **changes})


def test_all_mistakes_of_a_file_are_told_with_their_lines(tmp_path):
    path = tmp_path / "consents.csv"
    path.write_text(
        "student,purpose,word,by,from,notice\n"
        "p,score,grant,guardian,2026-10-05,1\n"
        "p,score,grant,aunt,2026-10-05,1\n"
        "p,score,withdraw,guardian,yesterday,\n"
    )
    with pytest.raises(SettingsError, match=r"2 mistakes(?s:.)*line 3: by(?s:.)*line 4: from"):
        read_consents(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name,purpose\nx,y\n", "columns are student or sourced_id"),
        (b"student,purpose,word,by,from\na,b\n", "line 2 has another number of columns"),
        (b"student,purpose,word,by,from\na,b,c,d,e,f\n", "line 2 has another number"),
        (b"\xff\xfe\x00", "not CSV in UTF-8"),
        (b"", "names nothing"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_a_sentence(tmp_path, content, told):
    path = tmp_path / "consents.csv"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=told):
        read_consents(path)
