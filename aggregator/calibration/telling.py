"""What the database does not know yet of a camera's directions, as rows."""

from __future__ import annotations

from aggregator.calibration.state import CameraCalibration, Known, is_from_site_file
from aggregator.rows import CalibrationRow, Rows
from schemas.room_plan import CameraPlan


def untold(known: CameraCalibration, camera: CameraPlan, room: str, second: int) -> Rows:
    """Rows of the directions that are new, valid from `second` on; they count as told then.

    Where the site file gives a place's direction, its row is the site file's.
    """
    rows: Rows = []
    for label, seat in sorted(known.seats.items()):
        if is_from_site_file(camera, label):
            seat.told = None
            continue
        best = seat.command or seat.measured
        if best is not None and best != seat.told:
            seat.told = best
            rows.append(_row(best, camera.camera_id, room, label, second))
    return rows


def _row(known: Known, camera_id: str, room: str, label: str, second: int) -> CalibrationRow:
    direction = known.direction
    return CalibrationRow(
        room=room,
        camera=camera_id,
        seat=label,
        method=direction.method,
        source=known.source,
        yaw_deg=direction.yaw_deg,
        pitch_deg=direction.pitch_deg,
        mode_mass=known.mass,
        n_samples=known.n,
        factor=direction.factor,
        valid_from=second,
    )
