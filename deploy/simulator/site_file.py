"""The site file of a simulated school: cameras, seat polygons and the exact calibration."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import yaml
from numpy.typing import NDArray

from deploy.simulator.film import Simulation
from deploy.simulator.script import Behaviour
from deploy.simulator.truth import Truth, read_truth

Polygon = list[list[float]]
_MARGIN: Final = 0.35  # of a face's height, round the places where its centre was


def site_block(
    simulation: Simulation,
    url_of: Callable[[str], str],
    *,
    analysis_fps: float = 2.0,
    time_zone: str = "Europe/Amsterdam",
    expression: bool = True,
) -> dict[str, object]:
    """Describe a simulated school as a site file does.

    Args:
        simulation: the rendered school.
        url_of: camera id to its url.
        analysis_fps: frames a second to analyse.
        time_zone: of the school.
        expression: whether expressions are measured, which the demo's profile permits.
    """
    truths = {film.camera_id: read_truth(film.truth_path) for film in simulation.films}
    return {
        "version": 1,
        "site": {"id": "simulated-school", "name": "Simulated school", "time_zone": time_zone},
        "policy": {"profile": "demo", "expression": expression},
        "rooms": [
            {
                "id": room.id,
                "name": room.name,
                "capacity": len(room.seats),
                "cameras": [
                    camera_block(truths[camera.id], url_of(camera.id), analysis_fps)
                    for camera in room.cameras
                ],
            }
            for room in simulation.rooms
        ],
    }


def write_site_file(
    path: Path,
    simulation: Simulation,
    url_of: Callable[[str], str],
    *,
    analysis_fps: float = 2.0,
    time_zone: str = "Europe/Amsterdam",
    expression: bool = True,
) -> None:
    """Write the site file of a simulated school; arguments as for `site_block`.

    Raises:
        OSError: cannot write.
    """
    block = site_block(
        simulation, url_of, analysis_fps=analysis_fps, time_zone=time_zone, expression=expression
    )
    header = "# Written by the simulator: nobody in these rooms is real.\n"
    part = path.with_suffix(f"{path.suffix}.part")
    part.write_text(header + yaml.safe_dump(block, sort_keys=False), encoding="utf-8")
    part.replace(path)


def camera_block(truth: Truth, url: str, analysis_fps: float) -> dict[str, object]:
    """Describe one camera: its seats as its truth shows them, its exact calibration."""
    calibrations = np.array([seat.calibration_deg for seat in truth.seats])
    polygons = seat_polygons(truth)
    return {
        "id": truth.camera_id,
        "url": url,
        "analysis_fps": analysis_fps,
        "calibration": _calibration(*np.median(calibrations, axis=0).tolist()),
        "seats": {
            seat.label: {"polygon": polygon, "calibration": _calibration(*seat.calibration_deg)}
            for seat, polygon in zip(truth.seats, polygons, strict=True)
        },
    }


def _calibration(yaw_deg: float, pitch_deg: float) -> dict[str, float]:
    return {"yaw_deg": round(yaw_deg, 2), "pitch_deg": round(pitch_deg, 2)}


def seat_polygons(truth: Truth) -> list[Polygon]:
    """Rectangles in which the centres of the seats' faces move, none over another.

    Returns:
        One for each seat: four corners as fractions of the picture's width and height.
    """
    boxes = np.array([_range_of_centres(truth, index) for index in range(len(truth.seats))])
    for one in range(len(boxes)):
        for other in range(one + 1, len(boxes)):
            _part(boxes[one], boxes[other])
    size = np.array([truth.width, truth.height] * 2)
    fractions = np.clip(boxes / size, 0.0, 1.0).round(4).tolist()
    return [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]] for x0, y0, x1, y1 in fractions]


def _range_of_centres(truth: Truth, seat: int) -> NDArray[np.float64]:
    """(4,) x0, y0, x1, y1 [px] with a margin; heads on the desk are not found, so left out."""
    sits = truth.seated[:, seat] & (truth.behaviour[:, seat] != int(Behaviour.HEAD_DOWN))
    boxes = truth.box_xyxy[sits, seat].astype(np.float64)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    margin = _MARGIN * float(np.median(boxes[:, 3] - boxes[:, 1]))
    return np.concatenate([centres.min(0) - margin, centres.max(0) + margin])


def _part(one: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    """Where two rectangles overlap, cut both along the shallower side, in place."""
    overlap = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if np.any(overlap <= 0):
        return
    axis = int(np.argmin(overlap))
    low, high = (one, other) if one[axis] < other[axis] else (other, one)
    edge = (max(low[axis], high[axis]) + min(low[axis + 2], high[axis + 2])) / 2
    low[axis + 2] = high[axis] = edge
