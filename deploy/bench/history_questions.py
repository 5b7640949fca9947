"""The fifteen questions of `docs/sql.md`, as they stand there, and how long an answer takes."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg

from deploy.bench.errors import BenchError
from deploy.sql.session import analyst
from schemas.settings import plain_database_url

PAGE: Final = Path(__file__).parents[2] / "docs" / "sql.md"
TIMES: Final = 3
AS_ADMIN: Final = "-- as facepose_admin\n"  # whose answer leaves an entry in the audit
_TIMEOUT_S: Final = 300.0
_QUESTION: Final = re.compile(
    r"^#{2,4} (?:Q|Question )?(\d+)[.:)]? +(.+?)$(.*?)^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL
)


def read_questions(page: Path = PAGE) -> dict[str, str]:
    """Each question's SQL, by its number and heading.

    Raises:
        BenchError: the page is not beside the program, or holds none.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as exc:
        raise BenchError(
            f"the questions stand in docs/sql.md of the source tree, and it cannot be read: {exc}"
        ) from exc
    found = {f"{int(n):02} {title}": sql for n, title, _, sql in _QUESTION.findall(text)}
    if not found:
        raise BenchError(f"{page} holds no question with a number and a block of SQL")
    return found


def time_questions(url: str, questions: Mapping[str, str]) -> dict[str, float]:
    """Seconds until the last row, warm: the median of three after one that is not counted.

    Raises:
        QueryError: there is no role of analysts.
    """
    seconds: dict[str, float] = {}
    with analyst(url, _TIMEOUT_S) as reader, psycopg.connect(plain_database_url(url)) as admin:
        admin.execute("SET ROLE facepose_admin")
        for name, sql in questions.items():
            connection: psycopg.Connection[Any] = admin if sql.startswith(AS_ADMIN) else reader
            taken = []
            for _ in range(1 + TIMES):
                begin_s = time.perf_counter()
                connection.execute(sql.encode()).fetchall()
                taken.append(time.perf_counter() - begin_s)
            seconds[name] = median(taken[1:])
    return seconds
