"""Average precision by WIDER FACE's protocol, faces on heads, which face is the labelled one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.evaluation.matching import largest, match_faces
from workers.evaluation.metrics_detection import (
    average_precision,
    iou_of_pixels,
    match_picture,
    score_range,
    threshold_counts,
)
from workers.evaluation.metrics_heads import faces_on_heads


def boxes(*rows) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 4)


def flags(*values) -> np.ndarray:
    return np.array(values, bool)


FACE_1, FACE_2, IGNORED = (0, 0, 19, 19), (100, 0, 119, 19), (200, 0, 219, 19)
NOWHERE = (300, 300, 330, 330)


def matched_example():
    """A face found at 1.0, an ignored one at .9, nothing at .75, another face at .5."""
    return match_picture(
        boxes(NOWHERE, FACE_1, FACE_2, IGNORED),
        np.array([0.75, 1.0, 0.5, 0.9]),
        boxes(FACE_1, FACE_2, IGNORED),
        flags(True, True, False),
    )


def test_a_box_on_an_ignored_face_counts_neither_way():
    match = matched_example()
    assert match.confidence.tolist() == [1.0, 0.9, 0.75, 0.5]
    assert match.proposed.tolist() == [1, 1, 2, 3]
    assert match.recalled.tolist() == [1, 1, 1, 2]
    assert match.n_faces == 2


def test_the_area_of_a_curve_worked_out_by_hand():
    match = matched_example()
    low, high = score_range([match])
    assert (low, high) == (0.5, 1.0)
    proposed, recalled = threshold_counts(match, low, high)
    # Half of the faces at precision 1, the other half at 2 right of 3.
    assert average_precision(proposed, recalled, 2) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # With a third face that nobody finds the curve ends at 2/3.
    assert average_precision(proposed, recalled, 3) == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)


def test_scores_are_stretched_over_the_whole_set_before_thresholds_are_read():
    match = matched_example()
    proposed, _ = threshold_counts(match, 0.5, 1.0)
    # .999 sees only the 1.0; .8 the .9 (ignored); .5 the .75; 0 all.
    assert [proposed[int(1000 * (1 - t)) - 1] for t in (0.999, 0.79, 0.49, 0.0)] == [1, 1, 2, 3]


def test_a_second_box_on_a_face_is_a_false_one():
    match = match_picture(boxes(FACE_1, FACE_1), np.array([0.9, 0.8]), boxes(FACE_1), flags(True))
    assert match.proposed.tolist() == [1, 2]
    assert match.recalled.tolist() == [1, 1]
    assert match.at_confidence(0.85) == (1, 1)
    assert match.at_confidence(0.95) == (0, 0)


def test_the_last_pixel_belongs_to_a_box():
    assert iou_of_pixels(boxes((0, 0, 9, 9)), boxes((0, 0, 9, 4)))[0, 0] == 0.5


def test_no_found_boxes_and_no_labelled_boxes_are_both_fine():
    nothing, none = boxes(), np.zeros(0)
    assert match_picture(nothing, none, boxes(FACE_1), flags(True)).n_faces == 1
    lonely = match_picture(boxes(NOWHERE), np.array([0.5]), nothing, flags())
    assert lonely.at_confidence(0.5) == (1, 0)
    assert np.isnan(average_precision(np.zeros(1000), np.zeros(1000), 0))


def slow_protocol(found, confidence, labelled, counted, low, high):
    """The protocol word by word, one threshold after another."""
    order = sorted(range(len(found)), key=lambda n: -confidence[n])
    state = [0] * len(labelled)
    kept, recalled = [], []
    for n in order:
        overlaps = iou_of_pixels(boxes(found[n]), boxes(*labelled))[0] if labelled else [0.0]
        best = int(np.argmax(overlaps))
        kept.append(True)
        if overlaps[best] >= 0.5:
            if not counted[best]:
                state[best], kept[-1] = -1, False
            elif state[best] == 0:
                state[best] = 1
        recalled.append(state.count(1))
    table = []
    for t in range(1000):
        reached = [
            place
            for place, n in enumerate(order)
            if (confidence[n] - low) / (high - low) >= 1 - (t + 1) / 1000
        ]
        last = reached[-1] if reached else None
        table.append((0, 0) if last is None else (sum(kept[: last + 1]), recalled[last]))
    return table


a_box = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(
    lambda place: (place[0] * 5, place[1] * 5, place[0] * 5 + 12, place[1] * 5 + 12)
)


@given(
    found=st.lists(st.tuples(a_box, st.integers(0, 1000)), min_size=1, max_size=8, unique=True),
    labelled=st.lists(st.tuples(a_box, st.booleans()), max_size=5),
)
def test_the_quick_counts_are_those_of_the_protocol_read_word_by_word(found, labelled):
    rectangles = [box for box, _ in found]
    confidence = np.array([score / 1000 for _, score in found])
    truth, counted = [box for box, _ in labelled], [c for _, c in labelled]
    match = match_picture(boxes(*rectangles), confidence, boxes(*truth), flags(*counted))
    proposed, recalled = threshold_counts(match, 0.0, 1.0)
    expected = slow_protocol(rectangles, confidence, truth, counted, 0.0, 1.0)
    assert list(zip(proposed.tolist(), recalled.tolist(), strict=True)) == expected


def test_a_box_is_on_a_head_when_half_of_it_is():
    head = boxes((0, 0, 100, 100))
    with_face, off = faces_on_heads(boxes((51, 0, 151, 100), (90, 90, 130, 130)), head)
    assert with_face.tolist() == [False]
    assert off.tolist() == [True, True]
    with_face, off = faces_on_heads(boxes((50, 0, 150, 100)), head)
    assert with_face.tolist() == [True]
    assert off.tolist() == [False]


def test_one_box_gives_a_face_to_one_head_only():
    overlapping = boxes((0, 0, 100, 100), (10, 0, 110, 100))
    with_face, off = faces_on_heads(boxes((30, 30, 70, 70)), overlapping)
    assert with_face.sum() == 1
    assert not off.any()
    both, _ = faces_on_heads(boxes((30, 30, 70, 70), (35, 30, 75, 70)), overlapping)
    assert both.all()


def test_without_heads_every_box_is_off_any_head():
    with_face, off = faces_on_heads(boxes(NOWHERE), boxes())
    assert len(with_face) == 0
    assert off.all()


def test_each_found_face_belongs_to_one_labelled_face_the_best_first():
    labelled = boxes((0, 0, 100, 100), (60, 0, 160, 100))
    found = boxes((55, 0, 155, 100))
    assert match_faces(labelled, found).tolist() == [-1, 0]


def test_boxes_drawn_very_differently_match_when_one_is_centred_in_the_other():
    assert match_faces(boxes((40, 40, 60, 60)), boxes((0, 0, 100, 100))).tolist() == [0]
    # They touch, but neither centre is in the other.
    assert match_faces(boxes((0, 0, 100, 100)), boxes((90, 90, 200, 200))).tolist() == [-1]


def test_boxes_that_share_a_fifth_match_though_neither_is_centred_in_the_other():
    assert match_faces(boxes((0, 0, 100, 100)), boxes((55, 0, 155, 100))).tolist() == [0]
    assert match_faces(boxes((0, 0, 100, 100)), boxes((70, 0, 170, 100))).tolist() == [-1]


def test_the_largest_face_is_the_largest_area():
    assert largest(boxes((0, 0, 50, 50), (0, 0, 100, 20), (0, 0, 60, 60))) == 2
    assert largest(boxes()) == -1
