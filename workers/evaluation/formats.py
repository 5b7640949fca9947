"""Which format a folder is of: told by its files, never by its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workers.evaluation import (
    read_aflw2000,
    read_biwi,
    read_csv,
    read_dlib_xml,
    read_fer2013,
    read_folders,
    read_pointing04,
    read_pts,
    read_voc,
    read_wider,
)
from workers.evaluation.errors import DataFormatError
from workers.evaluation.files import what_is_there
from workers.evaluation.labels import DataSet

Task = Literal["detection", "landmarks", "pose", "expression"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What some formats also want to know.

    Attributes:
        split: the data set's own part, by its own name.
        numbering: how classes are numbered (`expression_names.NUMBERINGS`).
    """

    split: str | None = None
    numbering: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One format of one task.

    Attributes:
        name: for `--format`.
        expected: its files, for errors.
        fits: whether a folder looks like it; quick.
        read: the whole of it.
    """

    name: str
    expected: str
    fits: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions], DataSet[Any]]


_AFLW2000 = "imageNNNNN.mat with Pose_Para beside imageNNNNN.jpg"

FORMATS: dict[Task, tuple[Format, ...]] = {
    "detection": (
        Format(
            "wider",
            f"{read_wider.LIST_NAME} and WIDER_val/images/EVENT/",
            read_wider.is_wider,
            lambda data, _: read_wider.read_wider(data),
        ),
        Format(
            "dlib",
            "NAME.xml with <dataset><images><image file='…'><box …/>",
            read_dlib_xml.is_dlib_xml,
            lambda data, _: read_dlib_xml.read_dlib_boxes(data),
        ),
        Format(
            "voc",
            "Annotations/NAME.xml with <annotation><object> named face, head or person",
            read_voc.is_voc,
            lambda data, options: read_voc.read_voc(data, options.split),
        ),
    ),
    "landmarks": (
        Format(
            "pts",
            "NAME.pts of 68 points beside NAME.png or NAME.jpg",
            read_pts.is_pts,
            lambda data, _: read_pts.read_pts(data),
        ),
        Format(
            "dlib",
            "NAME.xml of dlib with 68 <part> in a <box>",
            read_dlib_xml.has_68_parts,
            lambda data, _: read_dlib_xml.read_dlib_points(data),
        ),
        Format(
            "aflw2000",
            _AFLW2000,
            read_aflw2000.is_aflw2000,
            lambda data, _: read_aflw2000.read_aflw2000_points(data),
        ),
    ),
    "pose": (
        Format(
            "aflw2000",
            _AFLW2000,
            read_aflw2000.is_aflw2000,
            lambda data, _: read_aflw2000.read_aflw2000_pose(data),
        ),
        Format(
            "biwi",
            "NN/frame_MMMMM_pose.txt beside NN/frame_MMMMM_rgb.png",
            read_biwi.is_biwi,
            lambda data, _: read_biwi.read_biwi(data),
        ),
        Format(
            "pointing04",
            "pictures named personPPSNN±TILT±PAN.jpg",
            read_pointing04.is_pointing04,
            lambda data, _: read_pointing04.read_pointing04(data),
        ),
        Format(
            "csv",
            "a CSV file with the columns path,yaw,pitch,roll",
            read_csv.is_pose_csv,
            lambda data, _: read_csv.read_pose_csv(data),
        ),
    ),
    "expression": (
        Format(
            "fer2013",
            "fer2013.csv with the columns emotion,pixels,Usage",
            read_fer2013.is_fer2013,
            lambda data, options: read_fer2013.read_fer2013(data, options.split),
        ),
        Format(
            "csv",
            "a CSV file with the columns image,emotion",
            read_csv.is_expression_csv,
            lambda data, options: read_csv.read_expression_csv(data, options.numbering),
        ),
        Format(
            "folders",
            "a folder for each expression (anger, happiness, …) with pictures in it",
            read_folders.is_class_folders,
            lambda data, options: read_folders.read_folders(data, options.numbering),
        ),
    ),
}


def read_data_set(
    task: Task, data: Path, options: ReadOptions, name: str | None = None
) -> DataSet[Any]:
    """Return the data set in a folder (or label file).

    Args:
        task: what it is wanted for.
        data: the folder or file.
        options: for the formats that need them.
        name: the format's name; by default it is told by the files.

    Raises:
        DataFormatError: no format fits, or more than one; the text names them and what was found.
        LabelError: see the readers.
    """
    formats = [f for f in FORMATS[task] if name in {None, f.name}]
    if not formats:
        raise DataFormatError(
            f"evaluate {task} knows no format {name!r}; it reads {_names(FORMATS[task])}"
        )
    if not data.exists():
        raise DataFormatError(_nothing_fits(task, data, formats))
    fitting = formats if name else [f for f in formats if f.fits(data)]
    if not fitting:
        raise DataFormatError(_nothing_fits(task, data, formats))
    if len(fitting) > 1 and not _one_explains_the_other(fitting):
        raise DataFormatError(
            f"{data} could be {_names(fitting)}: say which with --format, or name the file itself"
        )
    return fitting[0].read(data, options)


def _one_explains_the_other(fitting: Sequence[Format]) -> bool:
    """A folder of pictures named by a table beside it is no folder for each class."""
    return fitting[-1].name == "folders" and len(fitting) == 2


def _nothing_fits(task: Task, data: Path, formats: Sequence[Format]) -> str:
    lines = [f"{data}: nothing here that evaluate {task} can read: {what_is_there(data)}."]
    lines += ["Expected one of:", *(f"  {f.name}: {f.expected}" for f in formats)]
    others = [
        f"evaluate {other} reads it as {f.name}"
        for other, known in FORMATS.items()
        if other != task
        for f in known
        if data.exists() and f.name != "folders" and f.fits(data)
    ]
    return "\n".join([*lines, *others])


def _names(formats: Sequence[Format]) -> str:
    return ", ".join(f.name for f in formats)
