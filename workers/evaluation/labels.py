"""What a data set knows about a picture, whatever file it came from.

Readers (`read_*.py`) make these; the runs (`run_*.py`) compare them with what was found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from workers.decode import Image, read_picture

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Box = tuple[float, float, float, float]

AngleOrder = Literal["yxz", "xyz"]
"""Which turn is outermost: `yxz` yaw, pitch, roll (this project; azimuth and elevation of the
nose); `xyz` pitch, yaw, roll (300W-LP, AFLW2000, and BIWI as papers read it)."""

Grouping = Literal["picture", "person"]
"""What is drawn as a whole when figures are resampled."""

Label_co = TypeVar("Label_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture(Generic[Label_co]):
    """One picture and what is known of it.

    Attributes:
        path: its file, or the file that holds it.
        label: what is known.
        group: pictures of one group are resampled together: the person, else the picture.
        part: the data set's own part that it belongs to; empty where it has none.
        pixels: the picture itself (H, W, 3) where it is no file of its own.
    """

    path: Path
    label: Label_co
    group: str
    part: str = ""
    pixels: Image | None = None

    def read(self) -> Image:
        """Return the picture (H, W, 3) uint8 RGB. Raises: DecodeError."""
        return read_picture(self.path) if self.pixels is None else self.pixels


@dataclass(frozen=True, slots=True, eq=False)
class DataSet(Generic[Label_co]):
    """All pictures of a data set, in a fixed order.

    Attributes:
        format: the format that the files were read as.
        pictures: with their labels.
        grouped_by: what `LabelledPicture.group` is.
        notes: what the reader left out or assumed, for the report.
    """

    format: str
    pictures: tuple[LabelledPicture[Label_co], ...]
    grouped_by: Grouping = "picture"
    notes: tuple[str, ...] = ()

    def limited(self, limit: int | None, seed: int) -> "DataSet[Label_co]":
        """Return `limit` pictures drawn at random with that seed, in the set's order."""
        if limit is None or limit >= len(self.pictures):
            return self
        chosen = np.random.default_rng(seed).choice(len(self.pictures), limit, replace=False)
        note = f"{limit} of {len(self.pictures)} pictures, drawn with seed {seed}"
        kept = tuple(self.pictures[n] for n in sorted(chosen.tolist()))
        return DataSet(self.format, kept, self.grouped_by, (*self.notes, note))


@dataclass(frozen=True, slots=True, eq=False)
class BoxLabels:
    """The faces (or heads) of one picture.

    Attributes:
        boxes_xyxy: (N, 4) [px].
        ignored: (N,) True: neither found nor missed counts.
        settings: the set's own selections by name, each (N,): True for a face that counts.
        kind: whether the boxes are of faces or of heads seen from all sides.
    """

    boxes_xyxy: Doubles
    ignored: Flags
    settings: Mapping[str, Flags] = field(default_factory=dict)
    kind: Literal["faces", "heads"] = "faces"

    def __post_init__(self) -> None:
        n = len(self.boxes_xyxy)
        if self.boxes_xyxy.shape != (n, 4) or self.ignored.shape != (n,):
            raise ValueError(
                f"expected (N, 4) boxes and (N,) flags, got {self.boxes_xyxy.shape = }, "
                f"{self.ignored.shape = }"
            )


@dataclass(frozen=True, slots=True)
class PoseLabel:
    """One head's direction; NaN where the set does not tell it.

    Attributes:
        yaw_deg: + = nose to image right.
        pitch_deg: + = up.
        roll_deg: + = clockwise in the image.
        order: how the three turns follow one another; errors are taken in the set's own order.
        box_xyxy: where the face is [px]; None: the picture's largest face is meant.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    order: AngleOrder
    box_xyxy: Box | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PointsLabel:
    """One face's 68 points (68, 2) [px] in the order of 300-W, and its yaw where it is known."""

    points_xy: Doubles
    yaw_deg: float | None = None

    def __post_init__(self) -> None:
        if self.points_xy.shape != (68, 2):
            raise ValueError(f"expected 68 points, got {self.points_xy.shape = }")

    @property
    def box_xyxy(self) -> Box:
        """The smallest box around the points."""
        low, high = self.points_xy.min(axis=0).tolist(), self.points_xy.max(axis=0).tolist()
        return (low[0], low[1], high[0], high[1])
