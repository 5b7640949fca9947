"""History under other parameters: beside the old rows, close to what a live room would say."""

from __future__ import annotations

import datetime as dt
import json
from statistics import fmean, median

import pytest
import yaml
from typer.testing import CliRunner

from aggregator.history.rollup import roll_up
from aggregator.rescoring.history import HistoryRescorer, Period
from aggregator.rescoring.recompute import Rescorer
from aggregator.rescoring.registration import register_version
from aggregator.rows import AttentionMinuteRow, MeetingMinuteRow, ParticipationSummaryRow
from aggregator.score_params import AS_1, params_from
from deploy.cli import app
from schemas.score_versions import ScoreVersionError
from tests.integration.fresh_database import fresh_database
from tests.integration.held_lessons import HeldLessons, days_later, lesson_rows, scored_under
from tests.unit import room_log

LENGTH_MIN = 7
TABLES = (
    "attention_windows",
    "attention_minutes",
    "meeting_minutes",
    "participation_summaries",
    "meeting_summaries",
)
LESS_DESK = {"credit": {"lecture": [1.0, 0.5, 0.2]}}
NARROW = {"front_box_deg": [8, 6]}
RULES = {"r1": "lecture"}
ALL = Period()


@pytest.fixture(scope="module")
def school(postgres_server):
    with fresh_database(postgres_server) as url:
        lessons = HeldLessons(url, LENGTH_MIN)
        yield lessons
        lessons.engine.dispose()


@pytest.fixture
def lessons(school):
    """A synced database in which no lesson was held yet."""
    school.execute(f"TRUNCATE meetings, students, site_day_curves, {', '.join(TABLES)} CASCADE")
    school.execute("DELETE FROM score_versions WHERE score_version > 1")
    return school


def a_lesson(days=0, seed=3):
    rows = lesson_rows(LENGTH_MIN, seed)
    return days_later(rows, days) if days else rows


def register(lessons, version, changes):
    at = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    with lessons.engine.begin() as connection:
        params = params_from(changes)
        register_version(connection, version, params, name="n", code_version="c", at=at)
    return params


def rescore(lessons, changes, version=2, period=ALL, rules=RULES, **options):
    params = register(lessons, version, changes)
    rescorer = Rescorer(AS_1, params, version)
    history = HistoryRescorer(lessons.engine, lessons.places.site_id, rescorer, rules)
    return history.run(period, **options)


def everything(lessons, version):
    return {table: lessons.rows(table, version) for table in TABLES}


def without_version(rows):
    return [{k: v for k, v in row.items() if k != "score_version"} for row in rows]


def test_the_same_parameters_give_the_same_figures(lessons):
    lessons.hold(a_lesson())
    before = everything(lessons, 1)
    report = rescore(lessons, {})
    assert everything(lessons, 1) == before
    after = everything(lessons, 2)
    assert report.rows == {table: len(rows) for table, rows in after.items()}
    assert all(after.values())
    for table, rows in after.items():
        for old, new in zip(before[table], rows, strict=True):
            assert new["score_version"] == 2
            for name in old.keys() - {"score_version", "rescored"}:
                if name.startswith(("score", "slope")) and old[name] is not None:
                    assert abs(new[name] - old[name]) <= 1, (table, name)  # the sums are rounded
                else:
                    assert new[name] == old[name], (table, name)
    windows = [without_version(each["attention_windows"]) for each in (before, after)]
    assert windows[0] == windows[1]


def test_the_daily_curves_hold_the_new_version_once(lessons):
    lessons.hold(a_lesson())
    rescore(lessons, NARROW)
    rescore(lessons, NARROW)
    minutes = [row for row in a_lesson() if isinstance(row, MeetingMinuteRow) and row.n_scored]
    curves = [lessons.rows("site_day_curves", version) for version in (1, 2)]
    for curve in curves:
        assert [row["n_lessons"] for row in curve] == [1] * len(minutes)
        assert sum(row["n_scored"] for row in curve) == sum(row.n_scored for row in minutes)
    assert [row["sum_score"] for row in curves[0]] != [row["sum_score"] for row in curves[1]]
    assert roll_up(lessons.engine).corrected == []


def live(changes):
    """The same log through a room whose score has the new parameters."""
    with scored_under(params_from(changes)):
        return lesson_rows.__wrapped__(LENGTH_MIN, 3)


def scores(rows, kind, key, value):
    return {key(row): value(row) for row in rows if isinstance(row, kind)}


@pytest.mark.parametrize("changes", [LESS_DESK, NARROW], ids=["credits", "boxes"])
def test_a_rescored_lesson_is_close_to_the_same_lesson_lived_anew(lessons, changes):
    lessons.hold(a_lesson())
    rescore(lessons, changes)
    old, new = a_lesson(), live(changes)
    for kind, table, key, value in (
        (ParticipationSummaryRow, "participation_summaries", "participation_id", "score"),
        (MeetingMinuteRow, "meeting_minutes", "minute", "score_mean"),
        (AttentionMinuteRow, "attention_minutes", None, "sum_x"),
    ):

        def name(row, key=key):
            return getattr(row, key) if key else (row.participation_id, row.minute)

        expected = scores(new, kind, name, lambda row, value=value: getattr(row, value))
        before = scores(old, kind, name, lambda row, value=value: getattr(row, value))
        found = {}
        for row in lessons.rows(table, 2):
            at = int(row["minute"].timestamp()) if "minute" in row else None
            who = row.get("participation_id")
            found[at if key == "minute" else (who, at) if key is None else who] = row[value]
        known = [each for each, score_ in expected.items() if score_ is not None]
        assert known
        moved = fmean(abs(before[each] - expected[each]) for each in known)
        error = fmean(abs(found[each] - expected[each]) for each in known)
        assert moved > 0
        assert error < 0.5 * moved, (table, error, moved)


def test_where_boxes_differ_no_windows_are_made_up(lessons):
    lessons.hold(a_lesson())
    report = rescore(lessons, NARROW)
    assert report.rows["attention_windows"] == 0
    assert lessons.rows("attention_windows", 2) == []
    assert len(lessons.rows("attention_minutes", 2)) == len(lessons.rows("attention_minutes", 1))


def test_without_windows_the_minutes_tell_the_lesson(lessons):
    """After 30 days only the minutes are left."""
    lessons.hold(a_lesson())
    rescore(lessons, LESS_DESK, version=2)
    lessons.execute("DELETE FROM attention_windows")
    rescore(lessons, LESS_DESK, version=3)
    pairs = zip(
        lessons.rows("participation_summaries", 2),
        lessons.rows("participation_summaries", 3),
        strict=True,
    )
    assert all(abs(two["score"] - three["score"]) < 250 for two, three in pairs)
    assert len(lessons.rows("attention_minutes", 3)) == len(lessons.rows("attention_minutes", 1))


def test_without_minutes_a_lesson_is_left_out_and_counted(lessons):
    lessons.hold(a_lesson())
    lessons.hold(a_lesson(days=1))
    lessons.execute(
        "DELETE FROM attention_minutes WHERE minute < (SELECT max(minute) FROM attention_minutes)"
        " - interval '1 hour'"
    )
    report = rescore(lessons, LESS_DESK)
    assert (report.done, report.without_minutes) == (1, 1)
    assert len(lessons.rows("meeting_summaries", 2)) == 1


def test_an_activity_that_is_not_scored_any_more_is_null_not_zero(lessons):
    lessons.hold(a_lesson())
    rescore(lessons, {"not_scored": [*AS_1.not_scored, "lecture"]})
    for row in lessons.rows("attention_windows", 2):
        assert (row["score"], row["n_obs"], row["missing_reason"] > 0) == (None, 0, True)
    for row in lessons.rows("participation_summaries", 2):
        assert (row["score"], row["score_lo"], row["score_hi"]) == (None, 0, 10_000)
        assert (row["coverage"], row["observed_s"]) == (0, 0)
    [lesson] = lessons.rows("meeting_summaries", 2)
    assert (lesson["score_mean"], lesson["n_scored"], lesson["coverage"]) == (None, 0, 0)
    assert lesson["quality"] == "low_coverage"


def test_an_activity_that_nobody_tells_counts_as_unknown_and_is_reported(lessons):
    lessons.hold(a_lesson())
    lessons.execute("DELETE FROM meeting_activities")  # as of a lesson before they were stored
    report = rescore(lessons, LESS_DESK, rules={})
    assert report.without_activities == 1
    for old, new in zip(*(lessons.rows("attention_windows", v) for v in (1, 2)), strict=True):
        assert new["score"] == old["score"], "only lectures were changed"
    report = rescore(lessons, LESS_DESK, version=3, rules=RULES)
    assert report.without_activities == 0
    [old, new] = (lessons.rows("meeting_summaries", v)[0]["score_mean"] for v in (1, 3))
    assert new < old


def test_a_run_that_was_stopped_goes_on_and_a_second_one_changes_nothing(lessons):
    for day in range(3):
        lessons.hold(a_lesson(days=day))
    asked = []
    report = rescore(lessons, LESS_DESK, stop=lambda: bool(asked.append(1)) or len(asked) > 2)
    assert (report.done, report.already) == (2, 0)
    report = rescore(lessons, LESS_DESK)
    assert (report.done, report.already) == (1, 2)
    before = everything(lessons, 2)
    report = rescore(lessons, LESS_DESK)
    assert (report.done, report.already, report.rows) == (0, 3, {})
    assert everything(lessons, 2) == before


def test_baselines_never_mix_versions_whatever_the_order_of_the_runs(lessons):
    for day in range(7):
        lessons.hold(a_lesson(days=day, seed=3 + day % 2))
    middle = dt.datetime.fromtimestamp(room_log.START, dt.UTC) + dt.timedelta(days=3.5)
    rescore(lessons, LESS_DESK, version=2)
    rescore(lessons, LESS_DESK, version=3, period=Period(since=middle))
    assert all(row["baseline"] is None for row in lessons.rows("participation_summaries", 3))
    rescore(lessons, LESS_DESK, version=3, period=Period(until=middle))
    by_student = {}
    for row in lessons.rows("participation_summaries", 2):
        by_student.setdefault(row["student_id"], []).append(row)
    assert len(by_student) == 6
    for mine in by_student.values():
        mine.sort(key=lambda row: row["meeting_start"])
        assert [row["baseline"] for row in mine[:5]] == [None] * 5
        for n in (5, 6):
            earlier = [row["score"] for row in mine[:n]]
            assert mine[n]["baseline"] == round(median(earlier))
    assert without_version(lessons.rows("participation_summaries", 3)) == without_version(
        lessons.rows("participation_summaries", 2)
    )
    old = {row["participation_id"]: row for row in lessons.rows("participation_summaries", 1)}
    assert any(
        row["baseline"] != old[row["participation_id"]]["baseline"]
        for row in lessons.rows("participation_summaries", 2)
    )


def test_a_version_never_changes_and_the_measured_one_is_not_recomputed(lessons):
    register(lessons, 2, LESS_DESK)
    register(lessons, 2, {"credit": {"lecture": [1, 0.5, 0.2]}})
    with pytest.raises(ScoreVersionError, match="stands in the database with other parameters"):
        register(lessons, 2, NARROW)
    with pytest.raises(ScoreVersionError, match="beside it"):
        register(lessons, 1, LESS_DESK)


@pytest.fixture
def facepose(lessons, tmp_path, monkeypatch):
    """The command, with the site and parameters in files."""
    monkeypatch.setenv("DATABASE_URL", lessons.engine.url.render_as_string(hide_password=False))
    site = tmp_path / "site.yaml"
    plain = lessons.site.model_dump(mode="json", by_alias=True, exclude_none=True)
    site.write_text(yaml.safe_dump(plain))
    (tmp_path / "less.toml").write_text("[credit]\nlecture = [1.0, 0.5, 0.2]\n")

    def run(*options, status=0):
        result = CliRunner().invoke(app, ["rescore", str(site), *options])
        assert result.exit_code == status, (result.output, result.exception)
        return result.stdout

    return run


def test_the_command_recomputes_and_compares(facepose, lessons, tmp_path):
    for day in range(3):
        lessons.hold(a_lesson(days=day, seed=3 + day % 2))
    options = ["--params", str(tmp_path / "less.toml"), "--version", "2"]
    assert "3 lessons would be recomputed" in facepose(*options, "--dry-run")
    assert lessons.rows("meeting_summaries", 2) == []
    first = dt.datetime.fromtimestamp(room_log.START, lessons.site.time_zone).date()
    until = str(first + dt.timedelta(days=1))
    assert "1 lessons recomputed under score version 2." in facepose(*options, "--until", until)
    report = json.loads(facepose(*options, "--json"))
    assert (report["done"], report["already"]) == (2, 1)
    figures = json.loads(facepose("--compare", "1", "2", "--json"))
    students = figures["levels"]["students' lessons"]
    assert students["n"] == 18
    assert -15 < students["mean_shift"] < -1
    assert students["mean_abs_diff"] == pytest.approx(-students["mean_shift"], abs=0.5)
    assert 0.8 < students["r"] <= 1
    assert [lesson["n"] for lesson in figures["lessons"]] == [6, 6, 6]
    assert figures["levels"]["lessons"]["n"] == 3
    told = facepose("--compare", "1", "2")
    assert "Score version 2 against 1" in told
    assert len(told.splitlines()) == 9


def test_the_command_says_what_is_wrong_with_its_files(facepose, tmp_path):
    assert (
        "--params and --version are needed"
        in CliRunner().invoke(app, ["rescore", str(tmp_path / "site.yaml")]).stderr
    )
    for name, text in (("a.yaml", "credit: ["), ("a.json", "{"), ("a.toml", "=")):
        (tmp_path / name).write_text(text)
        options = ["--params", str(tmp_path / name), "--version", "2"]
        result = CliRunner().invoke(app, ["rescore", str(tmp_path / "site.yaml"), *options])
        assert name in str(result.exception)
