"""The demo's figures: agreement with the truth, the JSON file, the page."""

import json
from html.parser import HTMLParser

import pytest

from deploy.demo.page import write_page
from deploy.demo.report import students_table
from deploy.demo.summary import Student, Summary, agreement

KEYS = [
    "rooms",
    "cameras",
    "students",
    "windows",
    "first_score_s",
    "spearman",
    "mean_abs_diff",
    "coverage_mean",
    "frames",
    "dropped",
    "report_paths",
    "database_url",
]


def student(score, true_score, coverage=1.0, seat="A1", room="room-1") -> Student:
    return Student(room, seat, score, true_score, coverage, windows=12)


def summary(**changes) -> Summary:
    figures = {
        "rooms": 2,
        "cameras": 3,
        "students": 24,
        "windows": 288,
        "first_score_s": 31.5,
        "spearman": 0.97,
        "mean_abs_diff": 2.25,
        "coverage_mean": 0.81,
        "frames": 700,
        "dropped": 0,
        "report_paths": ("demo-report.html",),
        "database_url": "postgresql://facepose@127.0.0.1/facepose",
    }
    return Summary(**{**figures, **changes})


EMPTY = dict.fromkeys(("first_score_s", "spearman", "mean_abs_diff", "coverage_mean"))


def test_the_correlation_is_over_ranks():
    students = [student(10, 1), student(20, 2), student(90, 3)]
    assert agreement(students)[0] == pytest.approx(1.0)
    assert agreement([student(10, 3), student(20, 2), student(90, 1)])[0] == pytest.approx(-1.0)


def test_ties_share_their_rank():
    students = [student(s, t) for s, t in [(10, 10), (10, 20), (30, 30), (40, 25)]]
    assert agreement(students)[0] == pytest.approx(3.5 / 22.5**0.5)  # ranks 1.5 1.5 3 4 and 1 2 4 3


def test_the_difference_is_over_students_who_were_seen_enough():
    students = [student(50, 60), student(50, 54, coverage=0.5), student(0, 100, coverage=0.499)]
    assert agreement(students)[1] == pytest.approx(7.0)


def test_the_correlation_is_over_all_students_who_have_both_scores():
    students = [
        student(10, 10),
        student(20, 20),
        student(99, 1, coverage=0.1),
        student(None, 5),
        student(5, None),
    ]
    rank, difference = agreement(students)
    assert rank == pytest.approx(-0.5)
    assert difference == pytest.approx(0.0)


@pytest.mark.parametrize(
    "students",
    [[], [student(50, 50)], [student(50, 10), student(50, 20)], [student(1, 5), student(2, 5)]],
)
def test_without_two_different_scores_there_is_no_correlation(students):
    assert agreement(students)[0] is None


def test_without_coverage_there_is_no_difference():
    assert agreement([student(1, 2, coverage=0.2), student(3, 4, coverage=0.4)])[1] is None


def test_the_json_file_has_exactly_the_promised_keys(tmp_path):
    summary().write(tmp_path / "summary.json")
    written = json.loads((tmp_path / "summary.json").read_text())
    assert list(written) == KEYS
    assert written["report_paths"] == ["demo-report.html"]
    assert written["spearman"] == 0.97


def test_what_is_not_known_is_null_in_the_json_file(tmp_path):
    summary(**EMPTY, report_paths=()).write(tmp_path / "summary.json")
    written = json.loads((tmp_path / "summary.json").read_text())
    assert [written[name] for name in EMPTY] == [None] * 4
    assert written["report_paths"] == []


def test_the_table_shows_a_dash_for_what_is_missing():
    table = students_table([student(61.4, None), student(None, 70)])
    columns = [list(column.cells) for column in table.columns]
    assert columns[2:4] == [["61", "–"], ["–", "70"]]
    assert "below the reporting threshold" in table.title


class Page(HTMLParser):
    """The text and the tags of a page, refusing tags that are not closed."""

    OPEN_ENDED = ("meta", "rect", "line")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.OPEN_ENDED:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def page(tmp_path, students, **changes) -> Page:
    write_page(tmp_path / "page.html", summary(**changes), students)
    read = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert read.open == []
    return read


def test_the_page_shows_every_student_in_the_room(tmp_path):
    students = [student(61.4, 63, seat="A1"), student(20, 25, seat="B2", room="room-2")]
    read = page(tmp_path, students)
    assert read.tags.count("table") == 2
    assert read.tags.count("h2") == 3  # two rooms, and how to read it
    assert "61" in read.text
    assert "simulation, below the reporting threshold" in read.text


def test_the_page_renders_what_is_missing_as_a_dash(tmp_path):
    read = page(tmp_path, [student(None, None, coverage=0.0)], **EMPTY)
    assert "None" not in read.text
    assert "Spearman –" in read.text
    assert "rect" in read.tags
    assert "line" not in read.tags


def test_the_page_of_a_lesson_without_students(tmp_path):
    assert page(tmp_path, [], windows=0, **EMPTY).tags.count("table") == 0


def test_names_are_escaped(tmp_path):
    name = "<script>alert('x')</script> & \"co\""
    read = page(tmp_path, [student(1, 2, seat=name, room=name)])
    assert "script" not in read.tags
    assert read.text.count(name) == 2


def test_the_page_fetches_nothing(tmp_path):
    page(tmp_path, [student(1, 2)])
    text = (tmp_path / "page.html").read_text()
    assert "http" not in text
    assert "src=" not in text
    assert "facepose@127" not in text  # the address of the database stays in the terminal
