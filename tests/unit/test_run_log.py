"""The publisher's word: each second once, only when all before it is there."""

from __future__ import annotations

from pathlib import Path

from ingest.recording.recorded_films import RecordedCamera
from ingest.recording.run_log import Run, RunLog
from schemas.messages import CameraStatus, EndOfStream

NS = 1_000_000_000
START = 1_772_436_600


class Spoken:
    """A run log and what it said, as (second since the start, camera, what, last seq)."""

    def __init__(self, *cameras: str, start_ns: int = START * NS, from_s: int = 0) -> None:
        self.words: list[tuple[int, str, str, int]] = []
        self.refused: list[int] = []
        recorded = [RecordedCamera("r1", name, (Path("film.mp4"),)) for name in cameras]
        self.log = RunLog(Run("film-1", "r1", start_ns, from_s), recorded, self._append)

    def _append(self, message: CameraStatus | EndOfStream) -> None:
        what = "end" if isinstance(message, EndOfStream) else message.state
        self.words.append((message.at // NS - START, message.camera_id, what, message.last_seq))
        self.refused.append(getattr(message, "refused", 0))
        assert message.run_id == "film-1"


def test_each_second_tells_of_the_frames_before_it():
    spoken = Spoken("c1")
    for seq in range(6):
        spoken.log.sampled(0, START * NS + seq * NS // 2, seq)
    spoken.log.say_until(START + 2)
    spoken.log.say_until(START + 2)
    assert spoken.words == [(0, "c1", "up", -1), (1, "c1", "up", 1), (2, "c1", "up", 3)]


def test_a_camera_ends_in_the_second_after_its_last_frame_and_the_run_after_the_longest():
    spoken = Spoken("c1", "c2")
    spoken.log.sampled(0, START * NS, 0)
    spoken.log.sampled(1, START * NS, 0)
    spoken.log.ended(1, START * NS + NS)
    spoken.log.sampled(0, START * NS + 2 * NS, 1)
    spoken.log.ended(0, START * NS + 2 * NS + 1)
    spoken.log.say_all()
    assert spoken.words == [
        (0, "c1", "up", -1),
        (0, "c2", "up", -1),
        (1, "c1", "up", 0),
        (1, "c2", "end", 0),
        (2, "c1", "up", 0),
        (3, "c1", "end", 1),
        (4, "c1", "down", 1),
        (4, "c2", "down", 0),
    ]


def test_a_run_that_is_taken_up_again_begins_where_it_was_with_the_right_numbers():
    spoken = Spoken("c1", from_s=START + 10)
    for seq in range(24):
        spoken.log.sampled(0, START * NS + seq * NS // 2, seq)
    spoken.log.say_until(START + 11)
    assert spoken.words == [(10, "c1", "up", 19), (11, "c1", "up", 21)]


def test_refused_frames_are_told():
    spoken = Spoken("c1")
    spoken.log.refused(0)
    spoken.log.say_until(START)
    assert spoken.refused == [1]


def test_a_start_between_two_seconds_belongs_to_the_first():
    spoken = Spoken("c1", start_ns=START * NS + NS // 2)
    spoken.log.sampled(0, START * NS + NS // 2, 0)
    spoken.log.say_until(START + 1)
    assert spoken.words == [(0, "c1", "up", -1), (1, "c1", "up", 0)]
