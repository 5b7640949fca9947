"""Where most looks went: the modes of a cloud of head directions (SCORE §2, step 2).

A 2 degree histogram, smoothed by a Gaussian of 4 degrees, has one local peak for each thing that
is looked at for long: the front, the desk, a window. Of those that hold enough, the highest is the
front: who writes most of the lesson still looks up to the board, so that the desk never becomes the
front. Of several at that height (a neighbour and a window are as high as the board, within what a
pose can tell), it is the one that holds most.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

from aggregator.calibration.angles import Pose, shifted
from aggregator.calibration.looks import Cells, Floats

MIN_CELLS: Final = 600
MIN_PEAK_SHARE: Final = 0.2
PEAK_RADIUS_DEG: Final = 10.0
PEAK_DISTANCE_DEG: Final = 15.0
SAME_HEIGHT_DEG: Final = 15.0  # the desk lies 35 below the front, a neighbour or a window does not
_BIN_DEG: Final = 2.0
_SIGMA_BINS: Final = 4.0 / _BIN_DEG
_YAWS, _PITCHES = 180, 90
_REFINEMENTS: Final = 3
_MARGIN: Final = 8  # bins; the Gaussian ends there
_EDGES: Final = ("wrap", "constant")  # yaw goes round, pitch does not
_SQUARE_DEG: Final = 1.0  # to which cells are kept


class Mode(msgspec.Struct, frozen=True):
    """A direction in which much of the time was spent."""

    yaw_deg: float
    pitch_deg: float
    mass: float  # share of the cells within 10 degrees
    cells: int  # all of them

    @property
    def pose(self) -> Pose:
        """Yaw and pitch."""
        return self.yaw_deg, self.pitch_deg

    def moved(self, by: Pose) -> Mode:
        """The same, in the picture of a camera that was moved."""
        yaw_deg, pitch_deg = shifted(self.pose, by)
        return Mode(yaw_deg, pitch_deg, self.mass, self.cells)


def front_mode(cells: Cells, at_least: int = MIN_CELLS) -> Mode | None:
    """The mode that is the front, if there is one.

    Args:
        cells: student-seconds by direction.
        at_least: with fewer there is none.
    """
    total = cells.seconds
    if total < at_least or total == 0:
        return None
    yaws, pitches, held = _peaks(cells)
    if len(yaws) == 0:
        return None
    front = int(np.argmax(np.where(pitches >= pitches.max() - SAME_HEIGHT_DEG, held, 0.0)))
    return _refined(cells, float(yaws[front]), float(pitches[front]))


def _peaks(cells: Cells) -> tuple[Floats, Floats, Floats]:
    """Local peaks of the smoothed histogram that hold enough, far enough apart.

    Returns:
        Yaw, pitch, and the cells within 10 degrees; the densest peak first.
    """
    yaws, pitches = _local_peaks(cells)
    distances = _distance_deg(yaws[:, None] - cells.yaw_deg, pitches[:, None] - cells.pitch_deg)
    held = (distances <= PEAK_RADIUS_DEG) @ cells.weight
    enough = held >= MIN_PEAK_SHARE * cells.weight.sum()
    yaws, pitches, held = yaws[enough], pitches[enough], held[enough]
    kept: list[int] = []
    for i in range(len(yaws)):
        apart = _distance_deg(yaws[kept] - yaws[i], pitches[kept] - pitches[i])
        if np.all(apart >= PEAK_DISTANCE_DEG):
            kept.append(i)
    return yaws[kept], pitches[kept], held[kept]


def _local_peaks(cells: Cells) -> tuple[Floats, Floats]:
    """Centres of the bins that no neighbour exceeds, the densest first."""
    rows = ((cells.yaw_deg + 180.0) // _BIN_DEG).astype(np.int64)
    columns = ((cells.pitch_deg + 90.0) // _BIN_DEG).astype(np.int64)
    # Heads stay within a part of the sphere: the histogram begins behind them, in an empty bin.
    first_row, height = _span(rows)
    first_column, width = max(0, int(columns.min()) - _MARGIN), int(np.ptp(columns)) + 2 * _MARGIN
    rows, columns = (rows - first_row) % _YAWS, columns - first_column
    counts = np.bincount(rows * width + columns, cells.weight, height * width)
    density = gaussian_filter(counts.reshape(height, width), _SIGMA_BINS, mode=_EDGES)
    is_peak = (density > 0) & (density >= maximum_filter(density, 3, mode=_EDGES))
    rows, columns = np.nonzero(is_peak)
    order = np.argsort(-density[rows, columns], kind="stable")
    yaws = (rows[order] + first_row).astype(np.float64) * _BIN_DEG - 180.0 + _BIN_DEG / 2
    pitches = (columns[order] + first_column).astype(np.float64) * _BIN_DEG - 90.0 + _BIN_DEG / 2
    return _wrapped(yaws), pitches


def _span(rows: NDArray[np.int64]) -> tuple[int, int]:
    """The first row and how many hold all of them with a margin, the long way round left out."""
    used = np.unique(rows)
    gaps = np.diff(np.append(used, used[0] + _YAWS))
    widest = int(np.argmax(gaps))
    first = int(used[(widest + 1) % len(used)])
    height = _YAWS - int(gaps[widest]) + 1 + 2 * _MARGIN
    return (first - _MARGIN, height) if height < _YAWS else (0, _YAWS)


def _refined(cells: Cells, yaw_deg: float, pitch_deg: float) -> Mode:
    """The median of the cells round a peak, and what share of all is round that.

    The peak is a bin's centre, so the median is taken again round the first one.
    """
    total = cells.weight.sum()
    for _ in range(_REFINEMENTS):
        dy, dp = _wrapped(cells.yaw_deg - yaw_deg), cells.pitch_deg - pitch_deg
        near = np.hypot(dy, dp) <= PEAK_RADIUS_DEG
        if not near.any():  # of a ring, the median lies where nobody looks
            break
        yaw_deg += _median(dy[near], cells.weight[near])
        pitch_deg += _median(dp[near], cells.weight[near])
    distances = _distance_deg(cells.yaw_deg - yaw_deg, cells.pitch_deg - pitch_deg)
    held = cells.weight[distances <= PEAK_RADIUS_DEG].sum()
    yaw, pitch = shifted((yaw_deg, pitch_deg), (0.0, 0.0))
    return Mode(
        yaw_deg=yaw, pitch_deg=pitch, mass=round(float(held / total), 4), cells=cells.seconds
    )


def _median(values: Floats, weight: Floats) -> float:
    """Of values that are known to one degree: the median of the histogram, interpolated."""
    order = np.argsort(values, kind="stable")
    half = weight.sum() / 2
    middle = values[order[np.searchsorted(np.cumsum(weight[order]), half)]]
    inside = (half - weight[values < middle].sum()) / weight[values == middle].sum()
    return float(middle + (inside - 0.5) * _SQUARE_DEG)


def _distance_deg(dy_deg: Floats, dp_deg: Floats) -> Floats:
    distance: Floats = np.hypot(_wrapped(dy_deg), dp_deg)
    return distance


def _wrapped(angle_deg: Floats) -> Floats:
    wrapped: Floats = (angle_deg + 180.0) % 360.0 - 180.0
    return wrapped
