"""FER2013's own table, `fer2013.csv`: columns `emotion,pixels,Usage`.

Source: I. J. Goodfellow et al., "Challenges in Representation Learning: A Report on Three Machine
Learning Contests", 2013. Published figures are of the Usage "PrivateTest".
"""

from pathlib import Path
from typing import Final

import numpy as np

from workers.decode import Image
from workers.evaluation.errors import LabelError
from workers.evaluation.expression_names import class_of
from workers.evaluation.files import matching, need
from workers.evaluation.labels import DataSet, LabelledPicture
from workers.evaluation.read_csv import columns_of, rows_of

_COLUMNS: Final = {"emotion", "pixels"}
_SIDE_PX: Final = 48
TEST_USAGE: Final = "PrivateTest"


def is_fer2013(data: Path) -> bool:
    """Whether a table has expressions and the pictures' pixels."""
    return any(set(columns_of(path)) >= _COLUMNS for path in matching(data, "*.csv"))


def read_fer2013(data: Path, split: str | None = None) -> DataSet[int]:
    """Return the pictures, 48 by 48 grey, of one `Usage` of fer2013.csv; PrivateTest by default.

    Raises:
        DataFormatError, LabelError: see `workers.evaluation.errors`.
    """
    wanted = split or TEST_USAGE
    tables = [path for path in matching(data, "*.csv") if set(columns_of(path)) >= _COLUMNS]
    pictures = []
    for table in need(tables, data, "fer2013.csv with the columns emotion,pixels,Usage"):
        for line, row in rows_of(table):
            if row.get("Usage", wanted) == wanted:
                number = class_of(row["emotion"], "fer2013")
                pixels = _pixels(table, line, row["pixels"])
                name = f"{table}:{line}"
                pictures.append(
                    LabelledPicture(table, 0 if number is None else number, name, wanted, pixels)
                )
    if not pictures:
        raise LabelError(f"{data}: no row has the Usage {wanted!r}")
    return DataSet("FER2013 CSV", tuple(pictures), notes=(f"Usage {wanted}",))


def _pixels(table: Path, line: int, text: str) -> Image:
    grey = np.array(text.split(), np.uint8)
    if grey.size != _SIDE_PX**2:
        raise LabelError(f"{table}, line {line}: {grey.size} pixels, expected {_SIDE_PX**2}")
    return np.repeat(grey.reshape(_SIDE_PX, _SIDE_PX, 1), 3, axis=2)
