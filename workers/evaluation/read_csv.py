"""Tables of one's own: pictures with a pose, or with an expression.

Pose: columns `path,yaw,pitch,roll` [deg] in the project's signs and order (yaw + = nose to image
right, pitch + = up, roll + = clockwise; yaw first), empty where unknown; `person` may be added.
Expression: columns `image,emotion` (or `path`, `label`); `person` may be added. Paths are relative
to the table, or to a folder `images` beside it.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from workers.evaluation.errors import LabelError
from workers.evaluation.expression_names import class_of, unknown_names
from workers.evaluation.files import matching, need
from workers.evaluation.labels import DataSet, Grouping, LabelledPicture, PoseLabel

_POSE: Final = {"path", "yaw", "pitch"}
_PICTURE: Final = ("image", "path", "file", "filename")
_CLASS: Final = ("emotion", "label", "expression")

Row = dict[str, str]


def is_pose_csv(data: Path) -> bool:
    """Whether a table has paths and angles."""
    return any(set(columns_of(path)) >= _POSE for path in matching(data, "*.csv"))


def is_expression_csv(data: Path) -> bool:
    """Whether a table has pictures and expressions."""
    return any(_expression_columns(columns_of(path)) for path in matching(data, "*.csv"))


def read_pose_csv(data: Path) -> DataSet[PoseLabel]:
    """Return the pictures of all such tables. Raises: DataFormatError, LabelError."""
    tables = [path for path in matching(data, "*.csv") if set(columns_of(path)) >= _POSE]
    pictures = []
    for table in need(tables, data, "a table with the columns path,yaw,pitch,roll"):
        for line, row in rows_of(table):
            try:
                yaw, pitch, roll = (
                    float(row.get(name) or "nan") for name in ("yaw", "pitch", "roll")
                )
            except ValueError as exc:
                raise LabelError(f"{table}, line {line}: an angle that is no number") from exc
            path = _picture_path(table, row["path"])
            group = row.get("person") or str(path)
            pictures.append(LabelledPicture(path, PoseLabel(yaw, pitch, roll, "yxz"), group))
    note = "no boxes in this set: the largest face found is taken"
    return DataSet("CSV path,yaw,pitch,roll", tuple(pictures), _grouping(tables), (note,))


def read_expression_csv(data: Path, numbering: str | None = None) -> DataSet[int]:
    """Return the pictures of all such tables with the number of their class.

    Raises:
        DataFormatError: no such table.
        LabelError: a class that is not known; the text names all of them.
    """
    tables = [p for p in matching(data, "*.csv") if _expression_columns(columns_of(p))]
    pictures, left_out = [], 0
    for table in need(tables, data, "a table with the columns image,emotion"):
        picture_column, class_column = _expression_columns(columns_of(table)) or ("", "")
        rows = [row for _, row in rows_of(table)]
        _refuse_unknown(table, [row[class_column] for row in rows], numbering)
        for row in rows:
            number = class_of(row[class_column], numbering)
            if number is None:
                left_out += 1
                continue
            path = _picture_path(table, row[picture_column])
            pictures.append(LabelledPicture(path, number, row.get("person") or str(path)))
    return DataSet("CSV image,emotion", tuple(pictures), _grouping(tables), left_out_note(left_out))


def left_out_note(left_out: int) -> tuple[str, ...]:
    """Return the note about pictures whose class is none of the seven."""
    return (f"{left_out} pictures of classes beside the seven left out",) if left_out else ()


def _refuse_unknown(table: Path, names: Sequence[str], numbering: str | None) -> None:
    """Raise LabelError with what is known, naming every unknown class at once."""
    unknown = sorted(set(unknown_names(sorted(set(names)), numbering)))
    if unknown:
        try:
            class_of(unknown[0], numbering)
        except LabelError as exc:
            raise LabelError(f"{table}: unknown classes {', '.join(unknown)}: {exc}") from exc


def columns_of(table: Path) -> list[str]:
    """Return the names of a table's columns."""
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        return [name.strip() for name in next(csv.reader(file), [])]


def _expression_columns(columns: Sequence[str]) -> tuple[str, str] | None:
    """Return the names of the columns of picture and class, if both are there."""
    picture = next((name for name in _PICTURE if name in columns), None)
    label = next((name for name in _CLASS if name in columns), None)
    return (picture, label) if picture and label else None


def rows_of(table: Path) -> Iterator[tuple[int, Row]]:
    """Yield line number and row; a missing cell is empty."""
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file, restval="")
        reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
        for row in reader:
            yield reader.line_num, row


def _picture_path(table: Path, name: str) -> Path:
    beside = table.parent / name
    below = table.parent / "images" / name
    return below if below.exists() and not beside.exists() else beside


def _grouping(tables: Sequence[Path]) -> Grouping:
    return "person" if any("person" in columns_of(path) for path in tables) else "picture"
