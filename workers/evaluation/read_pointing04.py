"""Pointing'04: everything is in the file name, `personPPSNN±TILT±PAN.jpg`.

Source: N. Gourier, D. Hall, J. L. Crowley, "Estimating Face Orientation from Robust Detection of
Salient Facial Structures", Pointing 2004. PP the person, S the series, NN the picture; tilt + = up,
pan + = to the image's left (looked at), so the project's yaw is its negative. Roll is not told. A
`.txt` beside it ends with the face's centre x, y, width and height. People looked at marks on the
walls: the angles are azimuth and elevation of what they were asked for, not measurements.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from workers.evaluation.files import PICTURES, matching, need, read_text
from workers.evaluation.labels import Box, DataSet, LabelledPicture, PoseLabel

_NAME = re.compile(r"person(?P<person>\d{2})(?P<series>\d)\d{2}(?P<tilt>[+-]\d+)(?P<pan>[+-]\d+)")
_PATTERN = "person*"


def is_pointing04(data: Path) -> bool:
    """Whether pictures have such names."""
    return data.is_dir() and next(_pictures(data), None) is not None


def read_pointing04(data: Path) -> DataSet[PoseLabel]:
    """Return the pictures; persons are resampled as a whole.

    Raises:
        DataFormatError: no picture has such a name.
    """
    pictures = [_picture(path, match) for path, match in _pictures(data)]
    need([p.path for p in pictures], data, "pictures named personPPSNN±TILT±PAN.jpg")
    notes = ("asked-for directions, not measured ones; roll is not told",)
    return DataSet("Pointing'04", tuple(pictures), grouped_by="person", notes=notes)


def _pictures(data: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    for path in matching(data, _PATTERN):
        match = _NAME.fullmatch(path.stem)
        if match and path.suffix.lower() in PICTURES:
            yield path, match


def _picture(path: Path, match: re.Match[str]) -> LabelledPicture[PoseLabel]:
    label = PoseLabel(
        yaw_deg=-float(match["pan"]),
        pitch_deg=float(match["tilt"]),
        roll_deg=float("nan"),
        order="yxz",
        box_xyxy=_box(path.with_suffix(".txt")),
    )
    return LabelledPicture(path, label, group=match["person"], part=f"series {match['series']}")


def _box(path: Path) -> Box | None:
    if not path.exists():
        return None
    words = read_text(path).split()[-4:]
    try:
        x, y, width, height = (float(word) for word in words)
    except ValueError:
        return None
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
