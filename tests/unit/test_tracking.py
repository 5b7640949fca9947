"""Faces followed from frame to frame, at the few frames a second that cameras give."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.tracking import MAX_TRACKS, Tracker
from tests.unit.room_log import HEIGHT, NS, WIDTH, face


def feed(tracker, at_s, *faces):
    return tracker.update(round(at_s * NS), faces, WIDTH, HEIGHT)


def test_a_still_face_keeps_its_track():
    tracker = Tracker()
    ids = [feed(tracker, k / 2, face(0.5, 0.5))[0] for k in range(20)]
    assert set(ids) == {1}


def test_a_face_that_moves_by_more_than_half_its_size_between_frames_is_followed():
    """80 px faces, 2 frames a second, 50 px a frame: boxes barely overlap."""
    tracker = Tracker()
    ids = [feed(tracker, k / 2, face(0.2 + k * 50 / WIDTH, 0.5))[0] for k in range(12)]
    assert set(ids) == {1}


def test_neighbours_who_sway_keep_their_own_tracks():
    tracker = Tracker()
    for k in range(40):
        sway = 0.02 * math.sin(k)
        faces = [face(0.2 + 0.1 * i + sway * (-1) ** i, 0.5) for i in range(6)]
        assert feed(tracker, k / 2, *faces) == [1, 2, 3, 4, 5, 6]


def test_an_occlusion_of_two_seconds_is_bridged_and_three_are_not():
    tracker = Tracker()
    feed(tracker, 0.0, face(0.5, 0.5))
    assert feed(tracker, 2.0, face(0.51, 0.5)) == [1]
    assert feed(tracker, 5.0, face(0.51, 0.5)) == [2]


def test_a_doubtful_face_continues_a_track_but_opens_none():
    tracker = Tracker()
    assert feed(tracker, 0.0, face(0.5, 0.5, confidence=0.4)) == [0]
    feed(tracker, 0.5, face(0.5, 0.5, confidence=0.9))
    assert feed(tracker, 1.0, face(0.5, 0.5, confidence=0.4)) == [1]


def test_the_confident_face_is_matched_before_the_doubtful_one():
    tracker = Tracker()
    feed(tracker, 0.0, face(0.5, 0.5))
    doubtful, sure = face(0.5, 0.5, confidence=0.3), face(0.515, 0.5, confidence=0.9)
    assert feed(tracker, 0.5, doubtful, sure) == [0, 1]


def test_two_faces_that_pass_each_other_keep_their_tracks():
    tracker = Tracker()
    for k in range(24):
        left = face(0.3 + 0.015 * k, 0.5)
        right = face(0.66 - 0.015 * k, 0.53)
        ids = feed(tracker, k / 5, left, right)
    assert ids == [1, 2]


def test_tracks_do_not_depend_on_the_order_of_faces_or_on_the_pictures_size():
    tracker = Tracker()
    feed(tracker, 0.0, face(0.2, 0.5), face(0.6, 0.5))
    assert feed(tracker, 0.5, face(0.6, 0.5), face(0.2, 0.5)) == [2, 1]
    half = [
        msgspec.structs.replace(f, box_xyxy=tuple(v / 2 for v in f.box_xyxy))
        for f in (face(0.2, 0.5), face(0.6, 0.5))
    ]
    assert tracker.update(NS, half, WIDTH // 2, HEIGHT // 2) == [1, 2]


def test_broken_boxes_belong_to_no_track():
    nan = float("nan")
    tracker = Tracker()
    flat = msgspec.structs.replace(face(0.5, 0.5), box_xyxy=(10.0, 10.0, 10.0, 20.0))
    assert feed(tracker, 0.0, face(nan, 0.5), flat, face(0.5, 0.5, px=1e9)) == [0, 0, 0]


def test_each_camera_counts_its_own_tracks():
    assert feed(Tracker(), 0.0, face(0.5, 0.5)) == feed(Tracker(), 0.0, face(0.5, 0.5)) == [1]


def row_of_heads(at_s, walker_x=None, *, walker_px=110.0):
    """Five who sit still, but for faces behind the walker's; the walker comes last."""
    faces = []
    for i in range(5):
        x = 0.2 + 0.15 * i + 0.001 * math.sin(3 * at_s + i)
        if walker_x is None or abs(x - walker_x) * WIDTH > 0.4 * (walker_px + 80):
            faces.append(face(x, 0.5))
    return faces if walker_x is None else [*faces, face(walker_x, 0.48, px=walker_px)]


@pytest.mark.parametrize("fps", [2, 5])
def test_who_walks_past_in_front_of_seated_heads_takes_none_of_their_tracks(fps):
    """Six of the walker's face widths a second."""
    tracker = Tracker()
    for k in range(2 * fps):
        before = feed(tracker, k / fps, *row_of_heads(k / fps))
    walker = set()
    for k in range(int(3.5 * fps)):
        at_s, x = 2 + k / fps, -0.1 + 6 * 88 / WIDTH * (k / fps)
        ids = feed(tracker, at_s, *row_of_heads(at_s, x))
        walker.add(ids[-1])
    assert walker.isdisjoint(before)
    assert len(walker) == 1
    assert feed(tracker, 6.0, *row_of_heads(6.0)) == before


def test_a_lost_face_does_not_take_the_neighbours_face_so_that_the_neighbour_gets_a_new_one():
    tracker = Tracker()
    for k in range(4):
        feed(tracker, k / 2, face(0.40, 0.5), face(0.46, 0.5))
    assert feed(tracker, 2.0, face(0.465, 0.5), face(0.52, 0.5)) == [2, 3]


def test_who_walks_crosses_somebody_who_walks_the_other_way_and_both_keep_their_tracks():
    tracker = Tracker()
    for k in range(20):
        ids = feed(tracker, k / 5, face(0.1 + 0.04 * k, 0.5), face(0.87 - 0.04 * k, 0.56, px=90.0))
    assert ids == [1, 2]


def test_who_bows_the_head_within_a_frame_and_raises_it_again_keeps_the_track():
    """The face's height halves and its centre falls by a face; the width stays."""
    tracker = Tracker()
    for k in range(4):
        feed(tracker, k / 2, face(0.5, 0.5))
    bowed = msgspec.structs.replace(face(0.5, 0.5), box_xyxy=(608.0, 405.0, 672.0, 445.0))
    assert feed(tracker, 2.0, bowed) == [1]
    assert feed(tracker, 2.5, bowed) == [1]
    assert feed(tracker, 3.0, face(0.5, 0.5)) == [1]


def test_a_camera_has_a_bounded_number_of_tracks():
    tracker = Tracker()
    crowd = [face(0.0005 * i, 0.3 * (i % 3), px=10.0) for i in range(MAX_TRACKS + 5)]
    assert sum(number > 0 for number in feed(tracker, 0.0, *crowd)) == MAX_TRACKS
    assert len(tracker.tracks) == MAX_TRACKS


def test_a_track_tells_where_the_face_is_and_since_when():
    tracker = Tracker()
    for k in range(11):
        feed(tracker, k / 5, face(0.3 + 0.01 * k, 0.5))
    (track,) = tracker.tracks
    assert (track.track_id, track.born_ns, track.seen_ns) == (1, 0, 2 * NS)
    assert (track.born_x, track.born_y) == pytest.approx((0.3, 0.5))
    assert (track.x, track.y) == pytest.approx((0.4, 0.5), abs=0.002)
    assert (track.w, track.h) == pytest.approx((64 / WIDTH, 80 / HEIGHT))
    assert (track.vx, track.vy) == pytest.approx((0.05, 0.0), abs=0.005)
    assert 0.3 < track.anchor_x < 0.35
    assert track.seen_in(2)
    assert not track.seen_in(3)


def test_what_is_written_into_a_tracks_history_stays_with_it():
    tracker = Tracker()
    feed(tracker, 0.0, face(0.2, 0.5), face(0.6, 0.5))
    tracker.tracks[1].history.append("A1")
    tracker.tracks[1].history.append("A2")
    feed(tracker, 1.5, face(0.6, 0.5))
    feed(tracker, 2.5, face(0.6, 0.5))
    (left,) = restored(tracker).tracks
    assert (left.track_id, left.history) == (2, ["A1", "A2"])


def test_the_tracks_of_the_first_versions_snapshots_go_on():
    old = {
        "next_id": 8,
        "tracks": [
            {
                "track_id": number, "x": x, "y": 0.5, "w": 0.05, "h": 0.11, "seen_ns": 3 * NS,
                "born_ns": NS, "born_x": x, "born_y": 0.5, "anchor_x": x, "anchor_y": 0.5,
                "vx": 0.0, "vy": 0.0, "history": ["A1"],
            }
            for number, x in ((4, 0.3), (7, 0.6))
        ],
    }  # fmt: skip
    tracker = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=Tracker)
    assert [(track.track_id, track.history) for track in tracker.tracks] == [
        (4, ["A1"]),
        (7, ["A1"]),
    ]
    assert feed(restored(tracker), 3.5, face(0.6, 0.5), face(0.3, 0.5), face(0.9, 0.5)) == [7, 4, 8]


def test_a_damaged_table_is_refused():
    tracker = Tracker()
    feed(tracker, 0.0, face(0.2, 0.5))
    plain = msgspec.to_builtins(tracker, builtin_types=(bytearray,))
    plain["table"]["length_bytes"] = plain["table"]["length_bytes"][:-8]
    with pytest.raises(msgspec.ValidationError, match=r"1 tracks cannot have 32 \+ 72 bytes"):
        msgspec.msgpack.decode(msgspec.msgpack.encode(plain), type=Tracker)


def restored(tracker):
    return msgspec.msgpack.decode(msgspec.msgpack.encode(tracker), type=Tracker)


# A coarse grid: many faces are exactly as near to one track as to another.
grid_faces = st.lists(
    st.builds(
        lambda x, y, px, confidence: face(x / 20, y / 10, px=px, confidence=confidence),
        st.integers(-1, 21),
        st.integers(4, 6),
        st.sampled_from([60.0, 80.0]),
        st.sampled_from([0.05, 0.3, 0.7, 0.9]),
    ),
    max_size=8,
    unique_by=lambda one: one.box_xyxy,
)
films = st.lists(
    st.tuples(st.sampled_from([0.0, 0.02, 0.2, 0.5, 1.0, 2.1]), grid_faces), min_size=1, max_size=12
)


def timed(film):
    at_s = 0.0
    for gap_s, faces in film:
        at_s += gap_s
        yield at_s, faces


@settings(max_examples=60, deadline=None)
@given(films, st.integers(0, 11))
def test_a_restored_tracker_goes_on_exactly(film, cut):
    whole, pieces = Tracker(), Tracker()
    for k, (at_s, faces) in enumerate(timed(film)):
        if k == cut:
            pieces = restored(pieces)
        assert feed(whole, at_s, *faces) == feed(pieces, at_s, *faces)
    assert msgspec.msgpack.encode(whole) == msgspec.msgpack.encode(pieces)


@settings(max_examples=60, deadline=None)
@given(films, st.randoms(use_true_random=False))
def test_the_order_of_the_faces_changes_only_the_numbers(film, chance):
    straight, shuffled, other = Tracker(), Tracker(), {0: 0}
    for at_s, faces in timed(film):
        order = list(range(len(faces)))
        chance.shuffle(order)
        ids = feed(straight, at_s, *faces)
        mixed = feed(shuffled, at_s, *(faces[i] for i in order))
        for number, i in zip(mixed, order, strict=True):
            assert other.setdefault(ids[i], number) == number
    assert len(set(other.values())) == len(other)


@settings(max_examples=40, deadline=None)
@given(films)
def test_no_two_faces_of_a_frame_share_a_track(film):
    tracker = Tracker()
    for at_s, faces in timed(film):
        ids = [number for number in feed(tracker, at_s, *faces) if number]
        assert len(set(ids)) == len(ids)
