"""`facepose bench history`: what it fills, and what it reads of the page of questions."""

import datetime as dt

import pytest

from deploy.bench.errors import BenchError
from deploy.bench.history_fill import school_days, window_days
from deploy.bench.history_questions import read_questions
from deploy.bench.history_size import HistoryOptions, require_disk

PAGE = """\
# SQL

```sql
SELECT 'not a question';
```

### 1. Lessons that lost attention

In words.

```sql
SELECT 1;
```

### 12. Seats
```sql
SELECT 2
FROM v_seat_rows;
```
"""


def test_a_year_has_the_volumes_of_a_district():
    rows = HistoryOptions(fraction=1.0).rows()
    assert rows["meetings"] == rows["meeting_summaries"] == 1_600_000
    assert rows["meeting_minutes"] == 96_000_000
    assert rows["participation_summaries"] == 48_000_000


def test_a_fraction_is_a_fraction_of_the_schools_and_never_none():
    assert HistoryOptions(fraction=0.1).sites_in_full == 5
    assert HistoryOptions(fraction=0.0).sites_in_full == 1
    tenth, all_ = HistoryOptions(fraction=0.1).rows(), HistoryOptions(fraction=1.0).rows()
    assert 10 * tenth["participations"] == all_["participations"]
    assert tenth["meeting_minutes"] == all_["meeting_minutes"]


def test_a_disk_that_is_too_small_is_told_before_anything_is_filled(tmp_path):
    with pytest.raises(BenchError, match="choose fewer --rooms"):
        require_disk(HistoryOptions(rooms=5000, students=60, days=100_000, fraction=1.0), tmp_path)
    require_disk(HistoryOptions(rooms=2, students=5, days=1), tmp_path)


def test_school_days_are_the_weekdays_before_a_day():
    days = school_days(6, dt.date(2026, 11, 30))  # a Monday
    assert [day.day for day in days] == [20, 23, 24, 25, 26, 27]


def test_questions_are_those_with_a_number_in_their_heading(tmp_path):
    page = tmp_path / "sql.md"
    page.write_text(PAGE, encoding="utf-8")
    assert read_questions(page) == {
        "01 Lessons that lost attention": "SELECT 1;\n",
        "12 Seats": "SELECT 2\nFROM v_seat_rows;\n",
    }


def test_a_page_without_questions_or_no_page_is_an_error(tmp_path):
    page = tmp_path / "sql.md"
    with pytest.raises(BenchError, match="source tree"):
        read_questions(page)
    page.write_text("# SQL\n", encoding="utf-8")
    with pytest.raises(BenchError, match="no question"):
        read_questions(page)


def test_windows_are_of_the_newest_day_and_of_last_weeks_thursday():
    saturday = dt.date(2026, 11, 28)
    days = school_days(20, saturday)
    assert window_days(days, saturday) == {dt.date(2026, 11, 27), dt.date(2026, 11, 19)}
    assert window_days(days[-3:], saturday) == {dt.date(2026, 11, 27), dt.date(2026, 11, 26)}
    assert window_days(days[-1:], saturday) == {dt.date(2026, 11, 27)}
