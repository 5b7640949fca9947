"""How near a simulated room comes to the directions that its geometry gives exactly."""

from statistics import median

from deploy.simulator.scene import build_room
from deploy.simulator.script import write_lesson
from tests.studies.calibration import learn

NOISE_DEG = 4.0


def test_three_scripted_lessons_calibrate_a_simulated_room_to_a_few_degrees():
    """Up to 10 degrees are harmless (SCORE §3); the study prints the figures of a whole class."""
    room = build_room(
        "room-x", "Room X", rows=3, columns=4, camera_offsets_m=(0.4,), width=1280, height=720
    )
    lessons = [write_lesson(room, minutes=25, seed=seed) for seed in range(3)]
    first, second, third = learn(room, lessons, NOISE_DEG, seed=1)
    assert (first, second) == ([], [])
    assert len(third) == len(room.seats)
    assert median(error.degrees for error in third) < 3.0
    assert max(error.degrees for error in third) < 10.0
