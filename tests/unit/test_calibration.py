"""What lessons teach of the front: evidence, precedence, planes, drift and bumps."""

import msgspec
import pytest

from aggregator.calibration.angles import distance_deg
from aggregator.calibration.by_hand import adopt_stored, apply_commands
from aggregator.calibration.in_force import front_directions
from aggregator.calibration.measuring import is_plausible
from aggregator.calibration.state import CalibrationState
from aggregator.room_state import RoomState, pack, unpack
from schemas.messages import CalibrationSet
from schemas.policy import resolve
from schemas.room_plan import CameraPlan, Direction, SeatDirection, SeatPlan, StoredDirection
from tests.unit.calibrated_class import CAMERA, CalibratedClass
from tests.unit.room_log import NS, START, plan, square

BUMP = (12.0, 0.0)


def off_deg(measured, truth):
    """The largest error."""
    return max(distance_deg(measured[label], pose) for label, pose in truth.items())


def commanded(state, room_plan, *directions, camera=CAMERA, second=START):
    message = CalibrationSet(
        room_id="room-1",
        at=second * NS,
        camera_id=camera,
        directions=tuple(
            SeatDirection(label=la, yaw_deg=y, pitch_deg=p) for la, y, p in directions
        ),
    )
    return apply_commands(state, [message], room_plan, second)


def test_two_lessons_calibrate_nothing_and_the_third_every_seat():
    school = CalibratedClass()
    school.lessons(2)
    assert school.calibrations() == {}
    assert set(school.in_force().values()) == {None}
    school.lesson()
    truth = school.truth()
    assert truth.keys() <= school.calibrations().keys()
    for label in truth:
        row = school.calibrations()[label]
        assert (row.method, row.source, row.factor) == ("modal_seat", "measured", 1.0)
        assert row.valid_from == school.closed
        assert row.n_samples == pytest.approx(900, abs=30)
        assert 0.4 < row.mode_mass < 0.7
    assert off_deg(school.in_force(), truth) < 2.0


def test_short_lessons_need_more_of_them():
    school = CalibratedClass()
    for _ in range(5):
        school.lesson(seconds=110)
        assert school.calibrations().keys() <= {""}  # all seats together tell of their camera
    school.lesson(seconds=110)
    assert len(school.calibrations()) >= 8
    assert off_deg(school.in_force(), school.truth()) < 3.0


def test_a_visit_of_a_minute_is_no_lesson():
    school = CalibratedClass()
    school.lessons(2)
    school.lesson(seconds=50)
    assert school.calibrations() == {}


def test_a_desk_that_is_looked_at_most_is_not_the_front():
    school = CalibratedClass()
    desks = {label: (yaw, pitch - 35.0) for label, (yaw, pitch) in school.truth().items()}
    writing = {label: desks[label] for label in ("A2", "A5")}
    for _ in range(3):
        school.lesson({**school.truth(), **writing})  # 60 % desk, 25 % below, and no front at all
    # their own mode is the desk, which the other seats' plane refuses
    assert school.calibrations()["A2"].method == "plane_fit"
    assert off_deg(school.in_force(), school.truth()) < 4.0


def test_a_seat_that_nobody_takes_has_the_planes_direction():
    school = CalibratedClass()
    truth = school.truth()
    school.lessons(3, {label: pose for label, pose in truth.items() if label != "A6"})
    row = school.calibrations()["A6"]
    assert (row.method, row.factor, row.n_samples, row.mode_mass) == ("plane_fit", 0.9, None, None)
    assert off_deg(school.in_force(), truth) < 3.0


def test_who_looks_out_of_the_window_does_not_calibrate_the_seat():
    school = CalibratedClass()
    for _ in range(3):
        school.lesson(away={"A4": (65.0, 2.0)})
    assert school.calibrations()["A4"].method == "plane_fit"
    assert off_deg(school.in_force(), school.truth()) < 4.0


def test_a_class_that_never_looks_calibrates_itself_to_the_window():
    """A documented limit: nothing in the pictures says where the board is."""
    school = CalibratedClass()
    window = {label: (yaw + 60.0, pitch) for label, (yaw, pitch) in school.truth().items()}
    school.lessons(3, window)
    assert off_deg(school.in_force(), window) < 3.0


def test_places_without_a_name_have_their_cameras_mode():
    school = CalibratedClass(room_plan=plan(drawn=False, calibrated=False))
    school.lessons(3, {"": (8.0, -4.0)})
    row = school.calibrations()[""]
    assert (row.method, row.factor) == ("camera_mode", 0.8)
    assert distance_deg(school.in_force()[""], (8.0, -4.0)) < 2.0


def test_seats_that_were_found_and_not_drawn_are_calibrated_by_their_label():
    school = CalibratedClass(room_plan=plan(drawn=False, calibrated=False))
    fronts = {"A1": (-20.0, -4.0), "A2": (20.0, -4.0)}
    school.lessons(3, fronts)
    assert off_deg(school.in_force(), fronts) < 2.0


def test_a_plane_goes_through_found_seats_too():
    school = CalibratedClass()
    truth, found = school.truth(), {}
    for seat in school.camera.seats:
        xs, ys = zip(*seat.polygon, strict=True)
        found[seat.label] = sum(xs) / len(xs), sum(ys) / len(ys)
    school.plan = plan(drawn=False, calibrated=False)
    school.found = {CAMERA: found}
    others = {label: pose for label, pose in truth.items() if label not in {"A5", "A7"}}
    school.lessons(2, others)
    school.state.camera(CAMERA).seat("A5").looks.is_due()  # somebody came for a second
    school.lesson(others)
    assert school.calibrations()["A5"].method == "plane_fit"
    assert "A7" not in school.calibrations()  # nobody ever came: the database knows no such seat
    del truth["A7"]
    assert off_deg(school.in_force(), truth) < 3.0


def test_a_direction_that_hardly_changes_stays_one_version():
    school = CalibratedClass()
    school.lessons(3)
    before = school.in_force()
    for _ in range(3):
        school.lesson(school.truth((1.0, 0.0)))
        assert school.calibrations() == {}
    assert school.in_force() == before


def test_a_bumped_camera_gets_new_directions_for_all_seats_after_one_lesson():
    school = CalibratedClass(seats=9)
    school.lessons(3, {label: pose for label, pose in school.truth().items() if label != "A3"})
    moved = school.truth(BUMP)
    odd = {"A9": (moved["A9"][0] + 18.0, moved["A9"][1])}
    school.lesson({label: pose for label, pose in {**moved, **odd}.items() if label != "A3"})
    [event] = school.events()
    assert (event.kind, event.severity, event.camera) == ("calibration_bumped", 2, CAMERA)
    assert event.payload["yaw_deg"] == pytest.approx(12.0, abs=1.5)
    assert event.payload["seats"] == ["A9"]
    assert school.meeting.calibration_stale
    assert moved.keys() <= school.calibrations().keys()  # also the empty seat and the odd one
    assert school.calibrations()["A1"].valid_from == school.closed
    assert off_deg(school.in_force(), moved) < 4.0
    school.lesson(moved)
    assert school.events() == []
    assert not school.meeting.calibration_stale


def test_a_bump_is_measured_anew_by_the_lessons_after_it():
    school = CalibratedClass()
    school.lessons(3)
    school.lesson(school.truth((30.0, 8.0)))
    assert [event.kind for event in school.events()] == ["calibration_bumped"]
    school.lessons(3, school.truth((34.0, 8.0)))
    # 3 degrees are no new version
    assert off_deg(school.in_force(), school.truth((34.0, 8.0))) < 4.5


def test_one_odd_lesson_of_a_seat_means_nothing():
    school = CalibratedClass()
    school.lessons(3)
    before = school.in_force()
    school.lesson(away={"A2": (70.0, 0.0)})
    assert (school.events(), school.meeting.calibration_stale) == ([], False)
    school.lessons(3)
    assert (school.events(), school.in_force()) == ([], before)


def test_a_seat_that_moved_is_stale_until_three_lessons_gave_it_a_new_direction():
    school = CalibratedClass()
    school.lessons(3)
    truth = school.truth()
    moved = {**truth, "A2": (truth["A2"][0] + 12.0, truth["A2"][1])}
    stale, kinds = [], []
    for _ in range(4):
        school.lesson(moved)
        stale.append(school.meeting.calibration_stale)
        kinds.append([event.kind for event in school.events()])
    assert stale == [False, True, True, False]
    assert kinds == [[], ["calibration_stale"], [], []]
    assert off_deg(school.in_force(), moved) < 2.5


def test_where_policy_has_no_single_students_an_event_names_no_seat():
    room_plan = plan(seats=8, calibrated=False, policy=resolve("demo", per_student=False))
    school = CalibratedClass(room_plan=room_plan)
    school.lessons(3)
    moved = {**school.truth(), "A2": (30.0, 5.0)}
    school.lessons(2, moved)
    [event] = school.events()
    assert event.payload == {"n_seats": 1}


def test_a_seat_that_is_drawn_elsewhere_begins_anew():
    school = CalibratedClass()
    school.lessons(3)
    [camera] = school.plan.cameras
    elsewhere = SeatPlan(label="A1", polygon=square(0.9, 0.9))
    camera = msgspec.structs.replace(camera, seats=(elsewhere, *camera.seats[1:]))
    known = school.state.cameras[CAMERA]
    old = known.seats["A1"].measured.direction
    assert front_directions(camera, known)["A1"] not in {None, old}  # the whole camera's
    school.plan = msgspec.structs.replace(school.plan, cameras=(camera,))
    school.lesson()
    assert school.calibrations()["A1"].method == "plane_fit"


def test_looks_are_forgotten_after_45_days():
    school = CalibratedClass()
    school.lessons(2)
    school.lesson(days=46)
    assert school.calibrations() == {}
    assert all(len(s.lessons) == 1 for s in school.state.cameras[CAMERA].seats.values())


def test_thirty_seats_in_two_cameras_stay_small_in_the_snapshot():
    school = CalibratedClass(seats=30)
    for _ in range(7):
        school.lesson(seconds=2100)
    for label, front in school.truth().items():
        looks = school.state.camera(CAMERA).seat(label).looks
        for _ in range(2000):
            if looks.is_due():
                looks.add(*front)
    school.state.cameras["cam-2"] = school.state.cameras[CAMERA]
    empty = len(pack(RoomState("room-1", "")))
    full = len(pack(RoomState("room-1", "", calibration=school.state)))
    assert 10_000 < full - empty < 100_000
    kept = school.state.cameras[CAMERA].seats
    assert {len(kept[label].lessons) for label in school.truth()} == {3}


def test_a_snapshot_of_what_was_learned_is_exact():
    school = CalibratedClass()
    school.lessons(4)
    state = RoomState("room-1", "", calibration=school.state)
    assert pack(unpack(pack(state), 2)) == pack(state)


def test_the_same_lessons_teach_the_same_byte_for_byte():
    one, two = CalibratedClass(), CalibratedClass()
    for _ in range(4):
        one.lesson()
        two.lesson()
        two.state = msgspec.msgpack.decode(msgspec.msgpack.encode(two.state), type=CalibrationState)
        assert msgspec.msgpack.encode(one.rows) == msgspec.msgpack.encode(two.rows)


# --- whose word counts ---------------------------------------------------------------------


def direction(yaw):
    return Direction(yaw_deg=yaw, pitch_deg=0.0)


@pytest.mark.parametrize(
    ("seat", "camera", "commands", "measured", "expected"),
    [
        (1.0, 2.0, {"A1": 3.0, "": 4.0}, True, 1.0),
        (None, 2.0, {"A1": 3.0, "": 4.0}, True, 3.0),
        (None, 2.0, {"": 4.0}, True, 2.0),
        (None, None, {"": 4.0}, True, 4.0),
        (None, None, {}, True, 5.0),
        (None, None, {}, False, None),
    ],
)
def test_whose_word_counts(seat, camera, commands, measured, expected):
    seat_plan = SeatPlan(
        label="A1", polygon=square(0.5, 0.5), calibration=direction(seat) if seat else None
    )
    camera_plan = CameraPlan(
        camera_id=CAMERA, mask_bit=0, analysis_fps=2.0, seats=(seat_plan,),
        calibration=direction(camera) if camera else None,
    )  # fmt: skip
    room_plan = msgspec.structs.replace(
        plan(),
        cameras=(camera_plan,),
        calibrations=(
            StoredDirection(
                camera_id=CAMERA,
                label="A1",
                direction=Direction(yaw_deg=5.0, pitch_deg=0.0, method="modal_seat"),
            ),
        ) if measured else (),
    )  # fmt: skip
    state = CalibrationState()
    adopt_stored(state, room_plan)
    commanded(state, room_plan, *((label, yaw, 0.0) for label, yaw in commands.items()))
    front = front_directions(camera_plan, state.camera(CAMERA))["A1"]
    assert (front.yaw_deg if front else None) == expected


def test_a_command_holds_at_once_and_is_a_row_only_once():
    school = CalibratedClass()
    school.lessons(3)
    rows = commanded(school.state, school.plan, ("A1", 33.0, -2.0), second=school.closed + 5)
    [row] = rows
    assert (row.seat, row.method, row.source, row.factor) == ("A1", "manual", "command", 1.0)
    assert row.valid_from == school.closed + 5
    assert school.in_force()["A1"] == (33.0, -2.0)
    assert commanded(school.state, school.plan, ("A1", 33.0, -2.0)) == []  # published twice
    school.lesson()
    assert "A1" not in school.calibrations()


def test_a_command_for_a_camera_of_another_room_changes_nothing():
    school = CalibratedClass()
    assert commanded(school.state, school.plan, ("", 3.0, 0.0), camera="cam-9") == []
    assert "cam-9" not in school.state.cameras


def test_a_command_that_is_no_direction_sets_nothing():
    school = CalibratedClass()
    nan, inf = float("nan"), float("inf")
    assert commanded(school.state, school.plan, ("A1", nan, 0.0), ("A2", 0.0, inf)) == []
    [row] = commanded(school.state, school.plan, ("A1", nan, 0.0), ("A2", 190.0, -3.0))
    assert (row.seat, row.yaw_deg) == ("A2", -170.0)


def test_where_the_site_file_speaks_no_row_is_written():
    school = CalibratedClass(room_plan=plan(seats=8, calibrated=True))
    school.lessons(3)
    assert school.calibrations() == {}
    school.plan = plan(seats=8, calibrated=False)
    school.lesson()
    assert school.truth().keys() <= school.calibrations().keys()


def test_a_bump_moves_what_a_command_had_set():
    school = CalibratedClass()
    school.lessons(3)
    yaw, pitch = school.truth()["A1"]
    commanded(school.state, school.plan, ("A1", yaw + 2.0, pitch))
    school.lesson(school.truth(BUMP))
    row = school.calibrations()["A1"]
    assert (row.source, row.method) == ("measured", "modal_seat")
    assert distance_deg(school.in_force()["A1"], (yaw + 14.0, pitch)) < 2.0


def test_what_the_database_holds_counts_only_where_the_room_knows_nothing():
    stored = StoredDirection(
        camera_id=CAMERA, label="A1",
        direction=Direction(yaw_deg=-9.0, pitch_deg=-3.0, method="modal_seat"),
    )  # fmt: skip
    new = CalibratedClass()
    new.plan = msgspec.structs.replace(new.plan, calibrations=(stored,))
    adopt_stored(new.state, new.plan)
    assert new.in_force()["A1"] == (-9.0, -3.0)
    new.lesson({})
    assert new.calibrations() == {}  # it is told already

    old = CalibratedClass()
    old.lessons(3)
    before = old.in_force()
    adopt_stored(old.state, new.plan)
    assert old.in_force() == before


def test_what_lies_far_from_the_rooms_geometry_is_no_front():
    expected = Direction(yaw_deg=170.0, pitch_deg=0.0)
    assert is_plausible((-170.0, 0.0), expected)
    assert not is_plausible((-160.0, 0.0), expected)
    assert is_plausible((90.0, 0.0), None)
    school = CalibratedClass(room_plan=plan(seats=8, calibrated=True))  # about 5 degrees
    far = dict.fromkeys(school.truth(), (100.0, 0.0))
    school.lessons(3, far)
    assert not any(seat.measured for seat in school.state.cameras[CAMERA].seats.values())
