"""The demo's lesson as a page that opens in any browser, with nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from deploy.demo.summary import HEADING, LEAST_COVERAGE, Student, Summary


def write_page(path: Path, summary: Summary, students: Sequence[Student]) -> None:
    """Write the page; every number on it is one that the summary or the database holds."""
    environment = Environment(
        loader=PackageLoader("deploy.demo", "."), autoescape=True, undefined=StrictUndefined
    )
    rooms: dict[str, list[Student]] = {}
    for student in students:
        rooms.setdefault(student.room, []).append(student)
    html = environment.get_template("page.html.j2").render(
        heading=HEADING, least_coverage=LEAST_COVERAGE, summary=summary, rooms=rooms
    )
    path.write_text(html, encoding="utf-8")
