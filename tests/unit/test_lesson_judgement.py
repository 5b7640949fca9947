"""The figures of `facepose lesson`, from rows made by hand."""

import msgspec
import numpy as np
import pytest

from aggregator.cells import Cell
from aggregator.rows import AttentionWindowRow, EventRow, ParticipationRow
from deploy.lesson.judgement import judge
from deploy.lesson.limits import verdicts
from deploy.lesson.true_class import TrueClass
from deploy.lesson.watched_room import NOBODY, Note

START, SECONDS = 1_000_000_200, 400
LABELS = ("A1", "A2", "A3", "A4")
SWAP_S = 200


def the_truth(swaps: bool = True) -> TrueClass:
    """Four students, of whom the first two change seats; each always deserves 20 more."""
    seats = np.tile(np.arange(4, dtype=np.int16), (SECONDS, 1))
    if swaps:
        seats[SWAP_S - 10 : SWAP_S, :2] = -1
        seats[SWAP_S:, :2] = 1, 0
    cells = [
        {START + s: Cell(second=START + s, x=20.0 * (i + 1)) for s in range(SECONDS)}
        for i in range(4)
    ]
    return TrueClass(LABELS, START, seats, cells, (0, 1), START + SWAP_S)


def participation(number: int, seat: str, *present: tuple[int, int]) -> ParticipationRow:
    return ParticipationRow(
        participation_id=number,
        meeting_id=1,
        room="r",
        anon_no=number,
        seat=seat,
        identity_source="seat",
        present=tuple((START + a, START + b) for a, b in present),
    )


def window(number: int, score: float, seconds: int, start: int = 0) -> AttentionWindowRow:
    fields = {f.name: 0 for f in msgspec.structs.fields(AttentionWindowRow)}
    fields |= {"window_start": START + start, "participation_id": number, "n_obs": seconds}
    fields |= {"n_exp": seconds, "sum_x": round(100 * score * seconds), "room": "r"}
    return msgspec.convert(fields, AttentionWindowRow)


def notes(number: int, person: int | None, begin: int, end: int, scored: bool = True):
    return [Note(START + s, number, person, scored) for s in range(begin, end)]


def undisturbed():
    """Everybody is counted as themselves for the whole lesson."""
    rows = [participation(i + 1, label, (0, SECONDS)) for i, label in enumerate(LABELS)]
    rows += [window(i + 1, 20.0 * (i + 1) + 1, SECONDS) for i in range(4)]
    return rows, [note for i in range(4) for note in notes(i + 1, i, 0, SECONDS)]


def swap_event(at: int, *seats: str) -> EventRow:
    payload = {"seats": list(seats or ("A1", "A2"))}
    return EventRow(
        ts=START + at, event_id=1, kind="seat_change", severity=2, site="s", room="r",
        payload=payload,
    )  # fmt: skip


def test_a_lesson_in_which_all_is_right():
    rows, noted = undisturbed()
    figures = judge(rows, noted, the_truth(swaps=False))
    assert figures.misattributed_s == figures.duplicates == 0
    assert figures.spearman == pytest.approx(1.0)
    assert figures.mean_abs_diff == pytest.approx(1.0)
    assert figures.head_count_within_1_from_start == 1.0
    assert figures.student_seconds == 4 * SECONDS


def test_seconds_of_another_of_a_passer_and_of_nobody_are_misattributed():
    rows, noted = undisturbed()
    noted[10:13] = [*notes(1, 1, 10, 11), *notes(1, 5, 11, 12), *notes(1, NOBODY, 12, 13)]
    figures = judge(rows, noted, the_truth(swaps=False))
    assert figures.misattributed_s == 3
    assert figures.misattributed_share == pytest.approx(3 / (4 * SECONDS - 3))


def test_seconds_without_a_score_are_nobodys():
    rows, noted = undisturbed()
    noted += notes(1, 2, 0, 50, scored=False)
    figures = judge(rows, noted, the_truth(swaps=False))
    assert figures.misattributed_s == 0
    assert figures.duplicates == 50  # but somebody was seen in two places


def test_a_change_of_seats_that_nobody_notices_is_counted_to_the_end():
    rows, noted = undisturbed()
    noted = [*notes(1, 0, 0, 190), *notes(1, 1, 200, 400), *notes(2, 1, 0, 190),
             *notes(2, 0, 200, 400)]  # fmt: skip
    figures = judge(rows, noted, the_truth())
    assert figures.swap_noticed_s is None
    assert figures.misattributed_s == 400
    assert figures.named_after_swap_s == 398
    assert [v.kept for v in verdicts(figures)][:3] == [False, False, False]


def test_after_a_noticed_change_numbers_belong_to_whom_they_show():
    rows, _ = undisturbed()
    rows = [
        participation(1, "A1", (0, 190), (200, 240)),
        participation(2, "A2", (0, 190), (200, 240)),
        *rows[2:4],
        participation(5, "", (241, 400)),
        participation(6, "", (241, 400)),
        swap_event(240),
    ]
    noted = [
        *notes(1, 0, 0, 190), *notes(2, 1, 0, 190), *notes(1, 1, 200, 203), *notes(5, 1, 241, 400),
        *notes(6, 0, 241, 400), *notes(3, 2, 0, 400), *notes(4, 3, 0, 400),
    ]  # fmt: skip
    figures = judge(rows, noted, the_truth())
    assert figures.swap_noticed_s == 40
    assert figures.named_after_swap_s == 0
    assert figures.misattributed_s == 3
    assert figures.participations == 6
    assert [v.kept for v in verdicts(figures)][:4] == [True] * 4


def test_a_head_count_two_off_is_too_far():
    rows, noted = undisturbed()
    rows[0], rows[1] = participation(1, "A1", (0, 300)), participation(2, "A2", (0, 300))
    figures = judge(rows, noted, the_truth(swaps=False))
    assert figures.head_count_within_1_from_start == 0.75
    # Nobody is owed a place in the first 30 s, so four who are there too early are too many.
    assert figures.head_count_within_1 == pytest.approx((300 - 29) / SECONDS)


def test_scores_that_rest_on_too_little_are_not_compared():
    rows, noted = undisturbed()
    rows[4] = window(1, 90.0, 20)
    figures = judge(rows, noted, the_truth(swaps=False))
    assert figures.mean_abs_diff == pytest.approx(1.0)


def test_a_change_is_noticed_when_both_seats_are_named_and_others_needlessly():
    rows, noted = undisturbed()
    rows += [swap_event(150, "A3", "A4"), swap_event(220, "A1", "A3"), swap_event(250, "A1", "A2")]
    rows += [participation(7, "", (360, 400))]
    noted += notes(7, 2, 399, 400)
    figures = judge(rows, noted, the_truth())
    assert figures.swap_noticed_s == 50
    assert figures.needlessly_anonymous == 1
