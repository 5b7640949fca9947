"""Every mistake of a roster at once, each with its file and line.

No sentence repeats a person's name or id: whoever has the file finds them by the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.errors import FacePoseError

SHOWN: Final = 100


class RosterError(FacePoseError):
    """A roster that is not imported.

    Attributes:
        mistakes: one sentence each; at most 100.
    """

    def __init__(self, source: str, mistakes: Sequence[str], count: int | None = None) -> None:
        self.mistakes = list(mistakes)
        count = len(self.mistakes) if count is None else count
        more = f"\n  … and {count - len(self.mistakes)} more" if count > len(self.mistakes) else ""
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        noun = "mistake" if count == 1 else "mistakes"
        super().__init__(f"{source}: {count} {noun}, nothing was changed\n{lines}{more}")


class UnreadableError(FacePoseError):
    """A file cannot be read to its end; the text says why."""


class Mistakes:
    """Collects mistakes while a roster is read.

    Attributes:
        bad_rows: rows that may be left out (`--skip-bad`).
        is_hopeless: a whole file, or the set, cannot be used.
        unusable: by file, the ids of wrong rows: what names them is not wrong as well.
    """

    def __init__(self) -> None:
        self.bad_rows = 0
        self.is_hopeless = False
        self.unusable: dict[str, set[str]] = {}
        self._files: list[str] = []
        self._rows: list[str] = []

    @property
    def sentences(self) -> list[str]:
        """What to show: what is wrong with whole files stands first."""
        return [*self._files, *self._rows][:SHOWN]

    def row(self, file: str, line: int, sentence: str, row_id: str = "") -> None:
        """One row is wrong; `row_id`: its id, where others may name it."""
        self.bad_rows += 1
        if row_id:
            self.unusable.setdefault(file, set()).add(row_id)
        if len(self._rows) < SHOWN:
            self._rows.append(f"{file}, line {line}: {sentence}")

    def file(self, file: str, sentence: str) -> None:
        """A file is wrong as a whole."""
        self.is_hopeless = True
        self._files.append(f"{file}: {sentence}")

    def raise_if_any(self, source: str, *, skip_bad: bool = False) -> None:
        """Raise: RosterError, when there is a mistake that may not be left out."""
        if self.is_hopeless or (self.bad_rows and not skip_bad):
            raise RosterError(source, self.sentences, len(self._files) + self.bad_rows)
