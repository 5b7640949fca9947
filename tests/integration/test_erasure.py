"""An erased student is in no table any more, and does not come back."""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import insert, text
from typer.testing import CliRunner

from aggregator.plan import build_plan
from aggregator.room_state import SNAPSHOT_VERSION, RoomState, pack, unpack
from aggregator.sealing import plain, stored_plain
from deploy.cli import app
from deploy.safeguards.erasure import ErasureError, Receipt, erase, erase_again
from deploy.safeguards.student_choice import Chosen
from schemas import tables
from schemas.consents import Word, record
from schemas.room_plan import SeatedStudent
from schemas.vault import Vault
from tests.integration.fresh_database import fresh_database
from tests.integration.guarded_school import MONDAY, SITE, GuardedSchool, Lesson, day

NOW = dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)
VAULT = Vault(bytes(range(32)))
SEAT = "S1"


class Filled(GuardedSchool):
    """A school in which every table that can name a student names the one in seat S1."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "demo")
        self.number, self.name = self.enrol(SEAT), self.pseudonym(SEAT)
        lesson = self.meeting_id(self.lessons[0])
        [self.taken] = self.ask(
            "SELECT participation_id AS id FROM participations"
            " WHERE meeting_id = :m AND student_id = :s",
            m=lesson,
            s=self.number,
        )
        at = dt.datetime(2026, 10, 5, 7, tzinfo=dt.UTC)
        window = {c.name: 0 for c in tables.attention_windows.c if not c.nullable}
        minute = {c.name: 0 for c in tables.attention_minutes.c if not c.nullable}
        of_lesson = {"participation_id": self.taken["id"], "meeting_id": lesson}
        with self.engine.begin() as connection:
            connection.execute(
                insert(tables.attention_windows).values(window | of_lesson | {"window_start": at})
            )
            connection.execute(
                insert(tables.attention_minutes).values(minute | of_lesson | {"minute": at})
            )
            record(connection, self.number, "score", Word(True, "guardian", "n1", day(1)))
            self._seat(connection)
            self._events(connection, lesson, at)
            self._reports(connection)
            self._state(connection)

    def _seat(self, connection) -> None:
        connection.execute(
            text(
                "INSERT INTO seating SELECT class_id, seat_id, :n, '[2026-10-01,)' FROM classes,"
                " seats JOIN rooms USING (room_id) WHERE classes.slug = '3b' AND label = :seat"
                " AND rooms.slug = 'room-1'"
            ),
            {"n": self.number, "seat": SEAT},
        )

    def _events(self, connection, lesson: int, at: dt.datetime) -> None:
        event = {"ts": at, "kind": "seat_change", "severity": 2, "meeting_id": lesson}
        connection.execute(
            insert(tables.events),
            [
                event | {"event_id": 1, "payload": {"seats": [SEAT, "S2"]}},
                event | {"event_id": 2, "payload": {"seats": ["S3", "S4"]}},
                event | {"event_id": 3, "payload": {"who": str(self.name)}},
            ],
        )
        connection.execute(
            insert(tables.events).values(
                event | {"event_id": 4, "participation_id": self.taken["id"]}
            )
        )

    def _reports(self, connection) -> None:
        other = str(self.pseudonym("S2"))
        definitions = {
            "own": ("student", {"student": str(self.name)}),
            "other": ("student", {"student": other}),
            "class": ("weekly_class", {"class": "3b"}),
        }
        for number, (slug, (kind, params)) in enumerate(definitions.items(), start=1):
            connection.execute(
                text(
                    "INSERT INTO report_defs (report_id, site_id, slug, kind, params, cron, tz,"
                    " formats) OVERRIDING SYSTEM VALUE VALUES (:id, 1, :slug, :kind, :params,"
                    " '0 7 * * 1', 'UTC', '{pdf}')"
                ),
                {"id": number, "slug": slug, "kind": kind, "params": json.dumps(params)},
            )
            connection.execute(
                text(
                    "INSERT INTO report_runs (run_id, report_id, period, due_at)"
                    " OVERRIDING SYSTEM VALUE VALUES (:id, :id, '[2026-10-05,2026-10-12)', now())"
                ),
                {"id": number},
            )
        packed = zlib.compress(b"drawn")  # what cannot be searched, as in a PDF
        files = [
            (1, "own.pdf", packed, True),
            (2, "other.pdf", packed, True),
            (2, "other.csv", other.encode(), True),
            (3, "class.csv", f"{self.name},61.5".encode(), True),
            (3, "class.pdf", packed, True),
            (3, "group.csv", b"61.5", False),
        ]
        for run, name, content, per_student in files:
            connection.execute(
                insert(tables.report_files).values(
                    run_id=run,
                    name=name,
                    media_type="x",
                    sha256="x",
                    content=content,
                    per_student=per_student,
                )
            )
        connection.execute(
            insert(tables.report_deliveries).values(
                run_id=1, recipient="a@example.org", channel="mail", status="sent"
            )
        )

    def _state(self, connection) -> None:
        plan = build_plan(self.site, self.site.rooms[0], {"cam-1": 0}, 1)
        seat = SeatedStudent(class_id="3b", seat=SEAT, student_id=self.number)
        plan = msgspec.structs.replace(plan, seated=(seat,))
        snapshot = stored_plain(pack(RoomState("room-1", "", plan=plan, plans=[plan])))
        connection.execute(
            text(
                "UPDATE room_state SET snapshot = :s, snapshot_version = :v WHERE room_id ="
                " (SELECT room_id FROM rooms WHERE slug = 'room-1')"
            ),
            {"s": snapshot, "v": SNAPSHOT_VERSION},
        )
        connection.execute(text("UPDATE room_leases SET until = to_timestamp(0)"))

    def erase(self, **changes) -> Receipt:
        arguments = {"vault": VAULT, "reason": "the family moved", "now": NOW} | changes
        with self.engine.begin() as connection:
            return erase(connection, SITE, Chosen(self.number, self.name), **arguments)

    def found(self, *needles: str) -> set[str]:
        """Tables, of all schemas, in which a text stands: in any column, packed or not."""
        places = set()
        for table in tables.metadata.sorted_tables:
            name = f"{table.schema or 'public'}.{table.name}"
            for row in self.ask(f"SELECT * FROM {name}"):
                shown = "\n".join(_shown(value) for value in row.values())
                if any(needle in shown for needle in needles):
                    places.add(table.name)
        return places


def _shown(value: object) -> str:
    if not isinstance(value, bytes | memoryview):
        return json.dumps(value, default=str) if isinstance(value, dict | list) else str(value)
    raw = bytes(value)
    texts = [raw.decode("latin-1"), raw.hex()]
    if raw[:1] == b"P":
        texts.append(str(unpack(plain(raw), SNAPSHOT_VERSION)))
    return "\n".join(texts)


@pytest.fixture(scope="module")
def filled(postgres_server: str) -> Iterator[Filled]:
    with fresh_database(postgres_server) as url:
        school = Filled(url)
        yield school
        school.close()


@pytest.fixture(scope="module")
def erased(filled: Filled) -> tuple[Filled, set[str], Receipt]:
    """The school, where the student was found before, and the receipt."""
    ids = [
        row["id"]
        for row in filled.ask(
            "SELECT participation_id AS id FROM participations WHERE student_id = :n",
            n=filled.number,
        )
    ]
    filled.needles = [str(filled.name), filled.name.hex, *map(str, ids)]
    before = filled.found(str(filled.number), *filled.needles)
    return filled, before, filled.erase()


def test_before_the_erasure_every_table_named_the_student(erased):
    _, before, _ = erased
    assert before == {
        "students",
        "participations",
        "attention_windows",
        "attention_minutes",
        "expression_minutes",
        "participation_summaries",
        "events",
        "identities",
        "consents",
        "enrolments",
        "seating",
        "report_defs",
        "report_files",
        "room_state",
    }
    others = {t.name for t in tables.metadata.sorted_tables} - before
    named = {"student_id", "participation_id", "pseudonym"}
    assert [t for t in others if named & set(_table(t).columns.keys())] == ["erasure_requests"]


def _table(name: str):
    [table] = [t for t in tables.metadata.sorted_tables if t.name == name]
    return table


def test_afterwards_no_table_does_but_for_the_tombstones_number(erased):
    school, _, _ = erased
    assert school.found(*school.needles) == set()
    assert school.found(str(school.number)) == {"students"}
    [tomb] = school.ask("SELECT * FROM students WHERE student_id = :n", n=school.number)
    assert (tomb["status"], tomb["erased_at"], tomb["birth_year"]) == ("erased", NOW, None)
    assert tomb["pseudonym"] != school.name


def test_others_keep_what_is_theirs(erased):
    school, _, _ = erased
    files = {row["name"] for row in school.ask("SELECT name FROM report_files")}
    assert files == {"other.pdf", "other.csv", "group.csv"}
    kept = school.ask("SELECT event_id FROM events WHERE kind = 'seat_change'")
    assert [row["event_id"] for row in kept] == [2]
    assert len(school.history("S2")) == 15
    assert len(school.ask("SELECT 1 FROM meeting_summaries")) == 15


def test_the_receipt_counts_and_names_nobody(erased):
    school, _, receipt = erased
    assert receipt.rows["participations"] == receipt.rows["participation_summaries"] == 15
    assert receipt.rows["vault.identities"] == receipt.rows["students"] == 1
    assert receipt.rows["report_files"] == 3
    assert receipt.rows["room_state"] == 1
    assert receipt.notes[0].startswith("1 deliveries of the deleted report files")
    assert "take it out there" in receipt.notes[1]
    shown = msgspec.json.encode(receipt).decode()
    assert not [needle for needle in (*school.needles, str(school.number)) if needle in shown]
    assert receipt.pseudonym_hmac == VAULT.hash_pseudonym(school.name).hex()
    assert Vault(bytes(32)).hash_pseudonym(school.name).hex() != receipt.pseudonym_hmac
    [kept] = school.ask("SELECT receipt, student_id, done_at FROM erasure_requests")
    assert (kept["receipt"], kept["student_id"]) == (msgspec.to_builtins(receipt), None)


def test_the_erasure_stands_in_the_audit(erased):
    school, _, _ = erased
    [told] = school.ask("SELECT object, reason, row_count FROM audit_log WHERE action = 'erasure'")
    assert (told["object"], told["reason"]) == ("student", "the family moved")
    assert told["row_count"] > 60


def test_lessons_that_follow_in_the_seat_are_nobodys(erased):
    school, _, _ = erased
    lesson = Lesson(day=MONDAY + dt.timedelta(weeks=4), students=8)
    school.execute("UPDATE room_leases SET until = now() + interval '1 hour'")
    school.hold(lesson)
    rows = school.ask(
        "SELECT student_id FROM participations WHERE meeting_id = :m", m=school.meeting_id(lesson)
    )
    assert [row["student_id"] for row in rows].count(None) == 1
    assert school.found(str(school.number)) == {"students"}


@pytest.fixture
def small(database_url: str) -> Iterator[Filled]:
    school = Filled(database_url)
    yield school
    school.close()


def test_a_restored_back_up_erases_again_by_the_receipt_alone(small):
    receipt = Receipt(
        receipt_version=1,
        site=SITE,
        pseudonym_hmac=VAULT.hash_pseudonym(small.name).hex(),
        key_id=VAULT.key_id,
        erased_at=NOW.isoformat(),
        rows={},
        notes=[],
    )
    with small.engine.begin() as connection:
        assert erase_again(connection, VAULT, [], NOW) == [], "nobody was erased yet"
        assert erase_again(connection, Vault(bytes(32)), [receipt], NOW) == [], "another key"
        [again] = erase_again(connection, VAULT, [receipt], NOW)
        assert again.pseudonym_hmac == receipt.pseudonym_hmac
        assert erase_again(connection, VAULT, [receipt], NOW) == [], "done"
    assert small.found(str(small.name)) == set()
    # a back-up that holds the request, but the student, too
    small.execute(
        "UPDATE students SET pseudonym = :p, erased_at = NULL WHERE student_id = :n",
        p=small.name,
        n=small.number,
    )
    with small.engine.begin() as connection:
        assert len(erase_again(connection, VAULT, [], NOW)) == 1


def test_a_student_in_a_running_lesson_is_erased_when_it_is_over(small, tmp_path, monkeypatch):
    lesson = small.meeting_id(small.lessons[-1])
    small.execute(
        "UPDATE meetings SET status = 'running',"
        " actual = tstzrange(now() - interval '1 hour', NULL) WHERE meeting_id = :m",
        m=lesson,
    )
    with pytest.raises(ErasureError, match=r"being held in room-1.*when the lesson is over"):
        small.erase(now=dt.datetime.now(dt.UTC))
    assert len(small.history(SEAT)) == 15, "nothing was erased by half"
    small.execute("UPDATE meetings SET status = 'held' WHERE meeting_id = :m", m=lesson)

    # and now by the command, first without consequences
    site = tmp_path / "site.yaml"
    site.write_text(json.dumps(small.site.model_dump(mode="json", by_alias=True)))
    monkeypatch.setenv("DATABASE_URL", small.url)
    monkeypatch.setenv("FACEPOSE_VAULT_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    receipt = tmp_path / "receipt.json"
    command = ["erase", str(site), "--student", str(small.name), "--receipt", str(receipt)]
    run = CliRunner().invoke(app, command)
    assert run.exit_code == 2, "no reason"
    command += ["--reason", "the family moved"]
    run = CliRunner().invoke(app, [*command, "--dry-run"], catch_exceptions=False)
    assert "Nothing was erased. It would be:" in run.output
    assert not receipt.exists()
    assert small.history(SEAT)
    run = CliRunner().invoke(app, command, catch_exceptions=False)
    assert json.loads(run.output) == json.loads(receipt.read_text())
    assert small.found(str(small.name)) == set()
    run = CliRunner().invoke(
        app, ["erase", str(site), "--reapply", "--receipts", str(tmp_path)], catch_exceptions=False
    )
    assert "0 students were erased again" in run.output
