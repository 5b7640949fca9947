"""WIDER FACE: the text file of the validation set, and the authors' event lists where present.

Layout: `wider_face_split/wider_face_val_bbx_gt.txt` and `WIDER_val/images/EVENT/NAME.jpg`; the
`ground_truth` folder of the authors' evaluation tools (`wider_face_val.mat`, `wider_easy_val.mat`,
`wider_medium_val.mat`, `wider_hard_val.mat`) anywhere below.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import scipy.io

from workers.evaluation.errors import LabelError
from workers.evaluation.files import first_matching, folder_of, need, read_text
from workers.evaluation.labels import BoxLabels, DataSet, LabelledPicture

LIST_NAME: Final = "wider_face_val_bbx_gt.txt"
_LEVELS: Final = ("easy", "medium", "hard")
_COLUMNS = 10  # x y w h blur expression illumination invalid occlusion pose
_INVALID = 7

Settings = dict[tuple[str, int], dict[str, np.ndarray[Any, np.dtype[np.bool_]]]]


def is_wider(data: Path) -> bool:
    """Whether the list of boxes is there."""
    return first_matching(data, LIST_NAME) is not None


def read_wider(data: Path) -> DataSet[BoxLabels]:
    """Return the validation pictures with their faces.

    With the event lists, faces count as the lists say (easy, medium, hard). Without them all faces
    count but those marked invalid or without area.

    Raises:
        DataFormatError: no list, or no pictures.
        LabelError: a line that is no box, or lists that do not belong to the text file.
    """
    listed = first_matching(data, LIST_NAME)
    (path,) = need([listed] if listed else [], data, LIST_NAME)
    images = _image_folder(folder_of(data))
    levels = _event_lists(folder_of(data))
    pictures = [
        LabelledPicture(
            path=images / name,
            label=_labels(path, name, rows, levels),
            group=name,
            part=name.split("/")[0],
        )
        for name, rows in _entries(path)
    ]
    notes = () if levels else ("no event lists (wider_easy_val.mat …): all valid faces count",)
    return DataSet("WIDER FACE", tuple(pictures), notes=notes)


def _image_folder(folder: Path) -> Path:
    event = next((path for path in folder.rglob("*--*") if path.is_dir()), None)
    found = [event] if event else []
    return need(found, folder, "the pictures in WIDER_val/images/EVENT/")[0].parent


def _entries(path: Path) -> Iterator[tuple[str, np.ndarray[Any, np.dtype[np.float64]]]]:
    """Yield a picture's name and its rows (N, 10): name, count, that many lines (one if 0)."""
    lines = read_text(path).splitlines()
    place = 0
    while place < len(lines):
        name = lines[place].strip()
        place += 1
        if not name:
            continue
        try:
            count = int(lines[place])
            rows = [_numbers(line) for line in lines[place + 1 : place + 1 + count]]
        except (ValueError, IndexError) as exc:
            raise LabelError(f"{path}, line {place + 1}: expected a count and boxes") from exc
        if len(rows) != count:
            raise LabelError(f"{path}: ends before the {count} boxes of {name}")
        place += 1 + max(count, 1)
        yield name, np.array(rows, np.float64).reshape(-1, _COLUMNS)


def _numbers(line: str) -> list[float]:
    """Return a line's numbers, made up to ten where flags are missing."""
    numbers = [float(word) for word in line.split()][:_COLUMNS]
    if len(numbers) < 4:
        raise ValueError(line)
    return numbers + [0.0] * (_COLUMNS - len(numbers))


def _labels(
    path: Path,
    name: str,
    rows: np.ndarray[Any, np.dtype[np.float64]],
    levels: dict[str, dict[str, set[int]]],
) -> BoxLabels:
    n = len(rows)
    boxes = np.hstack((rows[:, :2], rows[:, :2] + rows[:, 2:4]))
    invalid = rows[:, _INVALID] > 0
    empty = (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])
    settings = {}
    for level, by_picture in levels.items():
        chosen = by_picture.get(Path(name).with_suffix("").as_posix(), set())
        if chosen and max(chosen) > n:
            raise LabelError(f"{path}: {name} has {n} boxes, but the {level} list names {chosen}")
        settings[level] = np.array([place + 1 in chosen for place in range(n)], bool)
    return BoxLabels(boxes, ignored=invalid | empty, settings=settings)


def _event_lists(folder: Path) -> dict[str, dict[str, set[int]]]:
    """Return by level and picture (`EVENT/NAME`) the numbers, from 1, of the faces that count."""
    found = {level: first_matching(folder, f"wider_{level}_val.mat") for level in _LEVELS}
    return {level: _read_list(path) for level, path in found.items() if path is not None}


def _read_list(path: Path) -> dict[str, set[int]]:
    try:
        mat = scipy.io.loadmat(path, variable_names=["event_list", "file_list", "gt_list"])
        chosen: dict[str, set[int]] = {}
        for event, files, faces in zip(
            mat["event_list"], mat["file_list"], mat["gt_list"], strict=True
        ):
            for file, numbers in zip(files[0], faces[0], strict=True):
                name = f"{event[0][0]}/{file[0][0]}"
                chosen[name] = {int(number) for number in np.ravel(numbers[0])}
    except (KeyError, IndexError, ValueError, OSError, TypeError) as exc:
        raise LabelError(f"{path}: not an event list of WIDER FACE ({exc!r})") from exc
    return chosen
