"""How large the year of `facepose bench history` is: rows, and what they take on the disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.bench.errors import BenchError

ROOMS_A_SITE: Final = 20
LESSONS_A_DAY: Final = 8
LESSON_MINUTES: Final = 60
CAMERA_DAYS: Final = 20
WINDOW_DAYS: Final = 2  # the newest, and last week's Thursday, of which a question asks
# With the indexes, as measured; and what the log and sorting need beside them.
_ROW_BYTES: Final = {
    "meetings": 400,
    "meeting_summaries": 330,
    "meeting_minutes": 150,
    "participations": 330,
    "participation_summaries": 300,
    "camera_minutes": 150,
    "attention_windows": 170,
    "attention_minutes": 130,
}
_BESIDE_BYTES: Final = 10 << 30
_BESIDE_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """What to fill.

    Attributes:
        rooms: each with a camera and a class, twenty to a school.
        students: in each class.
        days: of school, the last one before today; eight lessons each.
        fraction: of the schools, at least one, has rows of single students and of cameras.
        keep: folder of the database, which then stays; None: it is dropped.
    """

    rooms: int = 1000
    students: int = 30
    days: int = 200
    fraction: float = 0.1
    keep: Path | None = None

    @property
    def sites(self) -> int:
        """Schools."""
        return -(-self.rooms // ROOMS_A_SITE)

    @property
    def sites_in_full(self) -> int:
        """Schools with rows of single students and of cameras."""
        return max(1, round(self.fraction * self.sites))

    @property
    def camera_days(self) -> int:
        """The newest days, that have camera minutes."""
        return min(self.days, CAMERA_DAYS)

    @property
    def window_days(self) -> int:
        """Days in which the first school has windows."""
        return min(self.days, WINDOW_DAYS)

    def rows(self) -> dict[str, int]:
        """How many rows the large tables get."""
        in_full = min(self.rooms, ROOMS_A_SITE * self.sites_in_full)
        first = min(self.rooms, ROOMS_A_SITE)
        lessons = self.rooms * self.days * LESSONS_A_DAY
        places = in_full * self.days * LESSONS_A_DAY * self.students
        student_minutes = first * self.window_days * LESSONS_A_DAY * self.students * LESSON_MINUTES
        return {
            "meetings": lessons,
            "meeting_summaries": lessons,
            "meeting_minutes": lessons * LESSON_MINUTES,
            "participations": places,
            "participation_summaries": places,
            "camera_minutes": in_full * self.camera_days * LESSONS_A_DAY * LESSON_MINUTES,
            "attention_windows": 6 * student_minutes,
            "attention_minutes": student_minutes,
        }

    def disk_bytes(self) -> int:
        """What the folder may need while it is filled."""
        data = sum(_ROW_BYTES[table] * rows for table, rows in self.rows().items())
        return round(data * (1 + _BESIDE_SHARE)) + min(_BESIDE_BYTES, data + (1 << 30))


def require_disk(options: HistoryOptions, folder: Path) -> None:
    """Refuse a year that the disk cannot hold.

    Raises:
        BenchError: says how much is missing, and what to do.
    """
    needed, free = options.disk_bytes(), shutil.disk_usage(folder).free
    if needed > free:
        raise BenchError(
            f"the history may need {needed / 2**30:.0f} GB in {folder}, where "
            f"{free / 2**30:.0f} GB are free: choose fewer --rooms or --days, a smaller "
            "--fraction, or another folder (TMPDIR)"
        )
