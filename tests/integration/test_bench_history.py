"""`facepose bench history` on a real server, with a district of four rooms."""

import datetime as dt
import json

from deploy.bench.history import measure
from deploy.bench.history_questions import read_questions
from deploy.bench.history_report import as_json
from deploy.bench.history_size import HistoryOptions

OPTIONS = HistoryOptions(rooms=4, students=6, days=3)


def test_a_small_district_is_filled_asked_reported_and_written_to():
    questions, told = read_questions(), []
    run = measure(
        OPTIONS,
        questions,
        dt.datetime.now(dt.UTC).date(),
        lambda what, _done, _total: told.append(what),
        insert_s=0.5,
    )
    assert run.rows == OPTIONS.rows()
    assert len(questions) == 15
    figures = json.loads(json.dumps(as_json(OPTIONS, run)))
    assert figures["queries_s"].keys() == questions.keys()
    assert min(*figures["queries_s"].values(), figures["report_s"]) > 0
    assert figures["insert_rows_per_s"] > 0
    assert figures["setting"]["sites_with_single_students"] == 1
    assert [told.count(what) for what in ("filling days", "asking", "writing")] == [3, 1, 1]
