"""300-W: `NAME.pts` with 68 points beside `NAME.png` or `.jpg`, in any folders.

Source: C. Sagonas, G. Tzimiropoulos, S. Zafeiriou, M. Pantic, "300 Faces in-the-Wild Challenge",
2013. Pixels are counted from 1 there.
"""

import re
from pathlib import Path

import numpy as np

from workers.evaluation.errors import LabelError
from workers.evaluation.files import first_matching, folder_of, matching, need, picture_beside
from workers.evaluation.files import read_text as _read_text
from workers.evaluation.labels import DataSet, LabelledPicture, PointsLabel

_HEADER = re.compile(r"n_points:\s*(\d+)")
_BODY = re.compile(r"\{(.*?)\}", re.DOTALL)


def is_pts(data: Path) -> bool:
    """Whether there are point files."""
    return first_matching(data, "*.pts") is not None


def read_pts(data: Path) -> DataSet[tuple[PointsLabel, ...]]:
    """Return the pictures with one face of 68 points each; `part` is the folder (LFPW, iBUG …).

    Raises:
        DataFormatError, LabelError: see `workers.evaluation.errors`.
    """
    paths = need(list(matching(data, "*.pts")), data, "NAME.pts beside NAME.png or NAME.jpg")
    root = folder_of(data)
    pictures = tuple(
        LabelledPicture(
            picture_beside(path) or path.with_suffix(".png"),
            (PointsLabel(_points(path)),),
            group=str(path),
            part=path.parent.relative_to(root).as_posix(),
        )
        for path in paths
    )
    return DataSet("300-W points", pictures)


def _points(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    text = _read_text(path)
    header, body = _HEADER.search(text), _BODY.search(text)
    if header is None or body is None:
        raise LabelError(f"{path}: expected 'n_points: 68' and points in braces")
    try:
        rows = [[float(word) for word in line.split()] for line in body[1].strip().splitlines()]
        points = np.array(rows, np.float64)
    except ValueError as exc:
        raise LabelError(f"{path}: a line that is not two numbers") from exc
    if points.shape != (68, 2):
        raise LabelError(f"{path}: expected 68 points, got {header[1]}")
    return points - 1.0
