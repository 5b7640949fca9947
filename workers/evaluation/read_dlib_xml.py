"""dlib's XML of many pictures with boxes, and where it has them 68 parts (points).

Layout: `NAME.xml` with `<dataset><images><image file='…'>`; paths are relative to the file.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from workers.evaluation.errors import LabelError
from workers.evaluation.files import matching, need, read_xml, xml_root_name
from workers.evaluation.labels import BoxLabels, DataSet, LabelledPicture, PointsLabel

_PARTS = 68


def is_dlib_xml(data: Path) -> bool:
    """Whether there is an XML file of dlib's form."""
    return any(xml_root_name(path) == "dataset" for path in _some(data))


def has_68_parts(data: Path) -> bool:
    """Whether one of the files has boxes with 68 parts."""
    return any(
        len(box.findall("part")) == _PARTS
        for path in _some(data)
        if xml_root_name(path) == "dataset"
        for box in read_xml(path).iter("box")
    )


def read_dlib_boxes(data: Path) -> DataSet[BoxLabels]:
    """Return the pictures with their boxes; a picture in two files is taken from the first.

    Raises:
        DataFormatError, LabelError: see `workers.evaluation.errors`.
    """
    pictures: dict[Path, LabelledPicture[BoxLabels]] = {}
    for path, image in _images(data):
        found = [(_box(path, box), box.get("ignore") == "1") for box in image.iter("box")]
        label = BoxLabels(
            np.array([box for box, _ in found], np.float64).reshape(-1, 4),
            np.array([ignored for _, ignored in found], bool),
        )
        picture = path.parent / (image.get("file") or "")
        pictures.setdefault(picture, LabelledPicture(picture, label, group=str(picture)))
    return DataSet("dlib XML", tuple(pictures.values()))


def read_dlib_points(data: Path) -> DataSet[tuple[PointsLabel, ...]]:
    """Return the pictures with the faces that have all 68 parts.

    Raises:
        DataFormatError, LabelError: see `workers.evaluation.errors`.
    """
    pictures: dict[Path, LabelledPicture[tuple[PointsLabel, ...]]] = {}
    skipped = 0
    for path, image in _images(data):
        boxes = list(image.iter("box"))
        whole = [box for box in boxes if len(box.findall("part")) == _PARTS]
        picture = path.parent / (image.get("file") or "")
        if not whole or picture in pictures:
            continue
        skipped += len(boxes) - len(whole)
        label = tuple(_points(path, box) for box in whole)
        pictures[picture] = LabelledPicture(picture, label, group=str(picture))
    notes = (f"{skipped} boxes without 68 parts left out",) if skipped else ()
    return DataSet("dlib XML", tuple(pictures.values()), notes=notes)


def _some(data: Path) -> list[Path]:
    return list(matching(data, "*.xml"))[:20]


def _images(data: Path) -> Iterator[tuple[Path, ET.Element]]:
    paths = [path for path in matching(data, "*.xml") if xml_root_name(path) == "dataset"]
    for path in need(paths, data, "an XML file with <dataset><images><image file='…'>"):
        for image in read_xml(path).iter("image"):
            yield path, image


def _box(path: Path, box: ET.Element) -> list[float]:
    try:
        left, top = float(box.get("left", "")), float(box.get("top", ""))
        return [left, top, left + float(box.get("width", "")), top + float(box.get("height", ""))]
    except ValueError as exc:
        raise LabelError(f"{path}: a box without left, top, width, height") from exc


def _points(path: Path, box: ET.Element) -> PointsLabel:
    try:
        parts = {int(part.get("name", "")): part for part in box.findall("part")}
        rows = [[float(parts[n].get(axis, "")) for axis in "xy"] for n in range(_PARTS)]
    except (ValueError, KeyError) as exc:
        raise LabelError(f"{path}: expected parts named 00 to 67 with x and y") from exc
    return PointsLabel(np.array(rows))
