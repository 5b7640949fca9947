"""A folder for each expression with its pictures in it: FER2013 as pictures, RAF-DB."""

from pathlib import Path

from workers.evaluation.errors import LabelError
from workers.evaluation.expression_names import class_of, unknown_names
from workers.evaluation.files import PICTURES, need
from workers.evaluation.labels import DataSet, LabelledPicture
from workers.evaluation.read_csv import left_out_note


def is_class_folders(data: Path) -> bool:
    """Whether there are folders with pictures in them."""
    return any(_pictures(folder) for folder in _folders(data))


def read_folders(data: Path, numbering: str | None = None) -> DataSet[int]:
    """Return the pictures with the number of their class.

    Raises:
        DataFormatError: no folder with pictures.
        LabelError: a folder whose name is no known class; the text names all of them.
    """
    folders = [folder for folder in _folders(data) if _pictures(folder)]
    need(folders, data, "a folder for each expression (anger, happiness, …) with pictures in it")
    unknown = unknown_names([folder.name for folder in folders], numbering)
    if unknown:
        try:
            class_of(unknown[0], numbering)
        except LabelError as exc:
            raise LabelError(f"{data}: unknown folders {', '.join(unknown)}: {exc}") from exc
    pictures, left_out = [], 0
    for folder in folders:
        number = class_of(folder.name, numbering)
        paths = _pictures(folder)
        if number is None:
            left_out += len(paths)
            continue
        pictures += [LabelledPicture(p, number, group=str(p), part=folder.name) for p in paths]
    return DataSet("a folder for each class", tuple(pictures), notes=left_out_note(left_out))


def _folders(data: Path) -> list[Path]:
    return sorted(path for path in data.iterdir() if path.is_dir()) if data.is_dir() else []


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
