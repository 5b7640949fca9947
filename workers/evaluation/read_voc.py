"""PASCAL VOC's XML, one file a picture: boxes of faces, or of heads from all sides (SCUT-HEAD).

Layout: `Annotations/NAME.xml` with `JPEGImages/NAME.jpg` (or the picture beside its XML), and
`ImageSets/Main/SPLIT.txt` for `--split`.
"""

from pathlib import Path
from typing import Final, Literal
from xml.etree import ElementTree as ET

import numpy as np

from workers.evaluation.errors import LabelError
from workers.evaluation.files import (
    first_matching,
    folder_of,
    matching,
    need,
    picture_beside,
    read_text,
    read_xml,
    xml_root_name,
)
from workers.evaluation.labels import BoxLabels, DataSet, LabelledPicture

_HEADS: Final = {"head", "person"}
_FACES: Final = {"face"}


def is_voc(data: Path) -> bool:
    """Whether there are XML files of VOC's form."""
    path = first_matching(data, "*.xml")
    return path is not None and xml_root_name(path) == "annotation"


def read_voc(data: Path, split: str | None = None) -> DataSet[BoxLabels]:
    """Return the pictures with their boxes; objects marked `difficult` are ignored.

    Args:
        data: the folder.
        split: only the pictures that `ImageSets/Main/SPLIT.txt` names.

    Raises:
        DataFormatError, LabelError: see `workers.evaluation.errors`.
    """
    paths = need(list(matching(data, "*.xml")), data, "Annotations/NAME.xml")
    if split is not None:
        names = _names_of_split(folder_of(data), split)
        paths = [path for path in paths if path.stem in names]
    pictures = tuple(_picture(path) for path in paths)
    kinds = {picture.label.kind for picture in pictures if len(picture.label.boxes_xyxy)}
    if len(kinds) > 1:
        raise LabelError(f"{data}: some files label faces and others heads")
    notes = () if split is None else (f"split {split}",)
    return DataSet("PASCAL VOC XML", pictures, notes=notes)


def _names_of_split(folder: Path, split: str) -> set[str]:
    found = first_matching(folder, f"{split}.txt")
    (path,) = need([found] if found else [], folder, f"ImageSets/Main/{split}.txt")
    return {line.split()[0] for line in read_text(path).splitlines() if line.strip()}


def _picture(path: Path) -> LabelledPicture[BoxLabels]:
    root = read_xml(path)
    objects = root.findall("object")
    names = {(found.findtext("name") or "").strip().lower() for found in objects}
    if names - _HEADS - _FACES or (names & _HEADS and names & _FACES):
        raise LabelError(
            f"{path}: objects named {', '.join(sorted(names))}; "
            f"expected all 'face', or all 'head' (or 'person', as SCUT-HEAD calls its heads)"
        )
    boxes = np.array([_box(path, found) for found in objects], np.float64).reshape(-1, 4)
    difficult = np.array([found.findtext("difficult") == "1" for found in objects], bool)
    kind: Literal["faces", "heads"] = "heads" if names & _HEADS else "faces"
    label = BoxLabels(boxes, difficult, kind=kind)
    return LabelledPicture(_image_of(path, root), label, group=path.stem)


def _box(path: Path, found: ET.Element) -> list[float]:
    sides = [found.findtext(f"bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax")]
    try:
        return [float(side or "") - 1.0 for side in sides]  # VOC counts pixels from 1
    except ValueError as exc:
        raise LabelError(f"{path}: a box without xmin, ymin, xmax, ymax") from exc


def _image_of(path: Path, root: ET.Element) -> Path:
    beside = [path, path.parent.parent / "JPEGImages" / path.name, path.parents[1] / path.name]
    for place in beside:
        if (picture := picture_beside(place)) is not None:
            return picture
    # Left to fail when it is read, so that it is counted with the other unreadable pictures.
    return beside[1].with_name(root.findtext("filename") or f"{path.stem}.jpg")
