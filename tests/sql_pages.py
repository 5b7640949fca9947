"""What docs/sql.md and docs/dashboards.md hold: statements to run, and the tables of the views."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from deploy.sql.catalog import Catalog

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
SQL_PAGE: Final = DOCS / "sql.md"
DASHBOARDS_PAGE: Final = DOCS / "dashboards.md"
BEGIN: Final = "<!-- views: written from the database's own comments; a test compares -->\n"
END: Final = "<!-- end of views -->\n"
ADMIN: Final = "-- as facepose_admin\n"
_BLOCK: Final = re.compile(r"^(#{2,4}) (.+?)$|^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Statement(NamedTuple):
    """One block of SQL under its heading."""

    heading: str
    sql: str

    @property
    def role(self) -> str:
        return "facepose_admin" if self.sql.startswith(ADMIN) else "facepose_analyst"


def statements(page: Path) -> list[Statement]:
    """Every block of SQL of a page, in its order."""
    heading, found = "", []
    for _, title, sql in _BLOCK.findall(page.read_text(encoding="utf-8")):
        heading = title or heading
        if sql:
            found.append(Statement(heading, sql))
    return found


def views_as_markdown(catalog: Catalog) -> str:
    """A heading, a sentence and a table for each view."""
    parts = []
    for view in catalog.values():
        rows = "".join(f"| `{c.name}` | {c.type} | {_cell(c.words)} |\n" for c in view.columns)
        parts.append(
            f"### `{view.name}`\n{view.words}.\n\n| column | type | what it says |\n|---|---|---|\n"
            f"{rows}"
        )
    return "\n".join(parts)


def told_views() -> str:
    """What the page says between its marks."""
    return SQL_PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def tell_views(catalog: Catalog) -> None:
    """Write the page anew from the comments."""
    before, _, rest = SQL_PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    SQL_PAGE.write_text(before + BEGIN + views_as_markdown(catalog) + END + after, encoding="utf-8")


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
