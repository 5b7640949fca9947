"""Where meetings begin and end: restarts, nights, empty rooms, dead cameras, changed plans."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from aggregator.room import Room
from aggregator.rows import (
    AttentionWindowRow,
    MeetingActivityRow,
    MeetingMinuteRow,
    MeetingRow,
    MeetingSummaryRow,
    ParticipationRow,
    ParticipationSummaryRow,
)
from aggregator.score import Reason
from schemas.messages import Tick
from schemas.room_plan import Lesson, Occurrence
from tests.unit.room_log import (
    NS,
    START,
    centre,
    classroom,
    entries,
    face,
    frame,
    plan,
    status,
    timed_log,
)

UID = "lesson@school"
SEATS = 2
MEETING_ROWS = (
    MeetingRow,
    MeetingActivityRow,
    ParticipationRow,
    AttentionWindowRow,
    MeetingMinuteRow,
    ParticipationSummaryRow,
    MeetingSummaryRow,
)


def planned(first_s, last_s, key=UID, class_id="7b", activity="lecture"):
    """A calendar's lesson, in seconds since START."""
    return Occurrence(
        source_key=f"ical:{key}:2026-11-18T11:10:00Z",
        start=START + first_s,
        end=START + last_s,
        class_id=class_id,
        activity=activity,
    )


def calendar(*lessons, at_s=0, **changes):
    changed = plan(seats=SEATS, **changes)
    return msgspec.structs.replace(
        changed, at=(START + at_s) * NS, occurrences=lessons, follows_calendar=True
    )


def log(room_plan, length_s, *others, scene=None, quiet_until=0):
    """A room's log: its plan, a class on film, ticks when all is quiet, and other messages."""
    timed = timed_log(room_plan, length_s, scene or classroom(SEATS))
    timed += [(float(at), Tick(room_id="room-1")) for at in range(length_s + 5, quiet_until, 5)]
    return entries(sorted([*timed, *others], key=lambda pair: pair[0]))


def run(log, room=None):
    room = room or Room.new("room-1")
    rows = []
    for entry_id, message in log:
        rows += room.feed(entry_id, message)
    return rows


def of(kind, rows):
    return [row for row in rows if isinstance(row, kind)]


def held(rows):
    """Key, first and last second since START of each meeting that is over."""
    return [
        (row.source_key.split(":")[1], row.started - START, row.ended - START)
        for row in of(MeetingRow, rows)
        if row.ended is not None
    ]


def windows(rows, meeting_id=None):
    return [r for r in of(AttentionWindowRow, rows) if meeting_id in {None, r.meeting_id}]


def test_a_calendars_lesson_opens_closes_and_names_where_it_comes_from():
    rows = run(log(calendar(planned(20, 80)), 100))
    opened, closed = of(MeetingRow, rows)
    assert (opened.ical_uid, opened.recurrence_id) == (UID, START)
    assert (opened.planned, opened.class_slug) == ((START + 20, START + 80), "7b")
    assert (closed.ended, closed.status) == (START + 80, "held")


def test_a_cancelled_lesson_opens_nothing_and_nobody_is_followed():
    rows = run(log(calendar(), 100))
    assert not [row for row in rows if isinstance(row, MEETING_ROWS)]


@pytest.mark.parametrize("at", [10, 100, 170, 250])
def test_a_lesson_that_spans_a_restart_has_the_same_rows(at):
    entries_ = log(calendar(planned(20, 90)), 100)
    expected = run(entries_)
    room = Room.new("room-1")
    rows = run(entries_[:at], room)
    rows += run(entries_, Room.restore(room.snapshot()))
    assert msgspec.msgpack.encode(rows) == msgspec.msgpack.encode(expected)
    assert held(rows) == [(UID, 20, 90)]


def later(timed, by_s):
    """The same messages so many seconds later."""
    moved = []
    for at, message in timed:
        field = "captured_at" if hasattr(message, "captured_at") else "at"
        changes = {field: getattr(message, field) + by_s * NS} if hasattr(message, field) else {}
        moved.append((at + by_s, msgspec.structs.replace(message, **changes)))
    return moved


def test_a_lesson_over_midnight_is_one_meeting_and_the_next_days_first_lesson_follows():
    """START is 23:10 in Fiji, so that midnight is 3000 s away."""
    weekly = Lesson(rule_id="early", weekdays=(3,), start="00:01", end="00:02")
    room_plan = msgspec.structs.replace(
        calendar(planned(2930, 3020)), time_zone="Pacific/Fiji", lessons=(weekly,)
    )
    film = timed_log(room_plan, 220, classroom(SEATS))
    rows = run(entries([(0.0, room_plan), *later(film[1:], 2920)]))
    assert held(rows) == [(UID, 2930, 3020), ("early", 3060, 3120)]
    assert [row.minute_no for row in of(MeetingMinuteRow, rows)][:2] == [0, 1]


def test_two_classes_back_to_back_share_no_row_and_no_student():
    first, second = planned(20, 75, "one", "7b"), planned(75, 150, "two", "8c")
    rows = run(log(calendar(first, second), 165))
    assert held(rows) == [("one", 20, 75), ("two", 75, 150)]
    one, two = (row.meeting_id for row in of(MeetingRow, rows) if row.ended is None)
    students = [
        {row.student_id for row in of(ParticipationRow, rows) if row.meeting_id == meeting}
        for meeting in (one, two)
    ]
    assert len(students[0]) == len(students[1]) == SEATS
    assert not students[0] & students[1]
    last = [row for row in windows(rows, one) if row.window_start == START + 70]
    assert {row.n_exp for row in last} == {5}
    assert min(row.window_start for row in windows(rows, two)) == START + 100  # 30 s to lock
    assert {row.n_exp for row in windows(rows, two) if row.window_start == START + 100} == {6}


def test_a_room_that_is_booked_with_nobody_in_it_is_a_meeting_without_students():
    rows = run(log(calendar(planned(20, 400)), 410, scene=lambda at_s, camera: []))
    assert held(rows) == [(UID, 20, 400)]
    [summary] = of(MeetingSummaryRow, rows)
    assert (summary.n_present, summary.n_scored, summary.score_mean) == (0, 0, None)
    assert summary.quality == "nobody"
    assert not of(ParticipationRow, rows)
    assert {(row.n_exp, row.score_mean) for row in of(MeetingMinuteRow, rows)} == {(0, None)}


def test_a_lesson_without_any_picture_does_not_say_that_nobody_came():
    timed = [(0.0, calendar(planned(20, 400)))]
    timed += [(at + 0.1, status(at + 0.1, -1, state="down")) for at in range(410)]
    [summary] = of(MeetingSummaryRow, run(entries(timed)))
    assert (summary.n_present, summary.quality) == (0, "camera_down")


def emitted(log):
    """Rows with the time, in seconds since START, at which the log completed each."""
    room, found = Room.new("room-1"), []
    for entry_id, message in log:
        now = int(entry_id.partition("-")[0]) / 1000 - START
        found += [(now, row) for row in room.feed(entry_id, message)]
    return found


DEAD = {
    "ingest still says so": [
        (at + 0.1, status(at + 0.1, 199, camera, "down"))
        for at in range(100, 450)
        for camera in ("cam-1", "cam-2")
    ],
    "ingest died too": [(float(at), Tick(room_id="room-1")) for at in range(105, 450, 5)],
}


@pytest.mark.parametrize("what", DEAD)
def test_when_all_cameras_die_a_planned_lesson_closes_in_time(what):
    dead = calendar(planned(20, 300), cameras=("cam-1", "cam-2"))
    rows = emitted(log(dead, 100, *DEAD[what]))
    lateness = {
        "window": max(at - (r.window_start + 10 - START) for at, r in rows
                      if isinstance(r, AttentionWindowRow)),
        "minute": max(at - (r.minute + 60 - START) for at, r in rows
                      if isinstance(r, MeetingMinuteRow)),
        "summary": max(at - 300 for at, r in rows if isinstance(r, MeetingSummaryRow)),
        "meeting": max(at - 300 for at, r in rows if isinstance(r, MeetingRow)),
    }  # fmt: skip
    assert max(lateness.values()) <= 30
    last = [r for _, r in rows if isinstance(r, AttentionWindowRow)][-1]
    assert last.window_start == START + 290
    assert (last.score, last.n_obs, last.missing_reason) == (None, 0, Reason.CAMERA_DOWN)
    assert held([row for _, row in rows]) == [(UID, 20, 300)]


@pytest.mark.parametrize("what", DEAD)
def test_when_all_cameras_die_an_automatic_meeting_ends_five_minutes_later(what):
    """They may come back until then; the meeting's end is the last second that anybody was seen."""
    rows = emitted(log(plan(seats=SEATS, cameras=("cam-1", "cam-2")), 100, *DEAD[what]))
    closed = [(at, r) for at, r in rows if isinstance(r, MeetingRow) and r.ended is not None]
    [(at, meeting)] = closed
    assert meeting.ended == START + 100
    assert at - 400 <= 30
    reasons = {r.missing_reason for _, r in rows
               if isinstance(r, AttentionWindowRow) and r.window_start >= START + 110}  # fmt: skip
    assert reasons == {Reason.CAMERA_DOWN}


def test_an_automatic_meeting_ends_with_the_last_one_who_leaves():
    def scene(at_s, camera):
        x, y = centre(0)
        return [face(x + 0.02 * max(0.0, at_s - 60), y)] if at_s < 75 else []

    rows = emitted(log(plan(seats=1), 100, scene=scene, quiet_until=600))
    [(at, meeting)] = [(at, r) for at, r in rows if isinstance(r, MeetingRow) and r.ended]
    assert START + 60 < meeting.ended < START + 75
    assert at <= 75 + 300 + 30
    late = [r for _, r in rows if isinstance(r, AttentionWindowRow)]
    assert max(r.window_start for r in late) < START + 80  # who left is not waited for


def changed_to(*lessons, at_s):
    return (at_s - 0.5, calendar(*lessons, at_s=at_s))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ([planned(20, 140)], [(UID, 20, 140)]),  # longer
        ([planned(20, 100)], [(UID, 20, 100)]),  # shorter
        ([planned(20, 70)], [(UID, 20, 80)]),  # it should be over: what was measured stays
        ([], [(UID, 20, 80)]),  # cancelled
        ([planned(30, 100)], [(UID, 20, 100)]),  # began later than it did
        ([planned(120, 160)], [(UID, 20, 80), (UID, 120, 160)]),  # moved to later today
        ([planned(50, 140, "other")], [(UID, 20, 80), ("other", 80, 140)]),
        ([planned(20, 140), planned(100, 130, "in")], [(UID, 20, 100), ("in", 100, 130)]),
    ],
)
def test_a_plan_that_changes_in_mid_lesson_counts_from_that_second(change, expected):
    rows = run(log(calendar(planned(20, 120)), 180, changed_to(*change, at_s=80)))
    assert held(rows) == expected
    meetings = [row.meeting_id for row in of(MeetingRow, rows) if row.ended is not None]
    assert len(set(meetings)) == len(meetings)
    spans = [(row.window_start, row.participation_id) for row in windows(rows)]
    assert len(set(spans)) == len(spans)


def test_a_plan_that_says_the_same_about_the_lesson_changes_no_row():
    lesson = planned(20, 120)
    tomorrow = planned(86_400, 90_000, "tomorrow")
    expected = run(log(calendar(lesson), 150))
    again = run(log(calendar(lesson), 150, changed_to(lesson, tomorrow, at_s=80)))
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(expected)


def weekly(start, end, rule_id="maths"):
    return Lesson(rule_id=rule_id, weekdays=(2,), start=start, end=end, class_id="7b")


def test_a_weekly_rule_whose_start_is_corrected_in_mid_lesson_goes_on():
    before = plan(seats=SEATS, lessons=(weekly("12:11", "12:13"),))
    after = plan(seats=SEATS, lessons=(weekly("12:10", "12:12"),))
    after = msgspec.structs.replace(after, at=(START + 90) * NS)
    rows = run(log(before, 180, (89.5, after)))
    assert held(rows) == [("maths", 60, 120)]


def test_a_timetable_that_is_taken_away_ends_its_lesson_and_presence_opens_the_next():
    before = plan(seats=SEATS, lessons=(weekly("12:11", "12:13"),))
    after = msgspec.structs.replace(plan(seats=SEATS), at=(START + 100) * NS)
    rows = run(log(before, 180, (99.5, after)))
    assert held(rows) == [("maths", 60, 100)]
    assert of(MeetingRow, rows)[-1].source_key.startswith("auto:")


def test_overlapping_lessons_follow_each_other_and_the_first_is_not_taken_up_again():
    lessons = (planned(20, 170, "long"), planned(60, 100, "short"), planned(90, 130, "next"))
    rows = run(log(calendar(*lessons), 200))
    assert held(rows) == [("long", 20, 60), ("short", 60, 90), ("next", 90, 130)]
    spans = sorted(row.planned for row in of(MeetingRow, rows) if row.ended is None)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))


def test_a_lesson_ends_what_presence_had_opened():
    before = plan(seats=SEATS)
    rows = run(log(before, 130, (59.0, calendar(planned(80, 120), at_s=60))))
    auto, lesson = [row for row in of(MeetingRow, rows) if row.ended is not None]
    assert (auto.source_key[:5], auto.ended) == ("auto:", START + 80)
    assert (lesson.ical_uid, lesson.started, lesson.ended) == (UID, START + 80, START + 120)


def test_a_late_frame_of_the_class_before_is_nobodys():
    first, second = planned(20, 70, "one"), planned(70, 140, "two")
    late = (76.0, frame(69.1, 999, [face(*centre(0))], epoch="e0"))
    quiet = run(log(calendar(first, second), 150))
    rows = run(log(calendar(first, second), 150, late))
    kinds = (MeetingRow, ParticipationRow, MeetingSummaryRow)
    for kind in kinds:
        assert of(kind, rows) == of(kind, quiet)


LENGTH_S = 240
SPAN = st.tuples(st.integers(0, LENGTH_S), st.integers(1, 120)).map(lambda s: (s[0], sum(s)))
PLANS = st.lists(
    st.tuples(
        st.integers(1, LENGTH_S - 10), st.dictionaries(st.sampled_from("abcd"), SPAN, max_size=4)
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@example(  # b, which d had cut off, was opened behind its own end
    first={},
    changes=[
        (107, {}),
        (169, {"a": (57, 70), "b": (116, 214), "c": (106, 149), "d": (149, 178)}),
        (39, {"b": (48, 157), "c": (5, 80)}),
    ],
    cut=0,
)
@given(first=st.dictionaries(st.sampled_from("abcd"), SPAN), changes=PLANS, cut=st.integers(0, 300))
def test_whatever_plans_come_no_two_lessons_are_held_at_once_or_twice(first, changes, cut):
    """Without pictures; a restart at any entry changes nothing."""
    timed = [(float(at), Tick(room_id="room-1")) for at in range(LENGTH_S + 140)]
    for at_s, lessons in [(0, first), *changes]:
        named = [planned(*span, key=key) for key, span in lessons.items()]
        timed.append((at_s - 0.5 * bool(at_s), calendar(*named, at_s=at_s)))
    log = entries(sorted(timed, key=lambda pair: pair[0]))
    rows = run(log)
    meetings = [row for row in of(MeetingRow, rows) if row.ended is not None]
    assert len({row.meeting_id for row in meetings}) == len(meetings)
    assert len(meetings) == len(of(MeetingSummaryRow, rows))
    for row in meetings:
        assert row.started <= row.ended
    for one, two in pairwise(meetings):
        assert one.ended <= two.started
    room = Room.new("room-1")
    again = run(log[:cut], room)
    again += run(log, Room.restore(room.snapshot()))
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(rows)
