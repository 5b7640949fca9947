"""What `facepose calibrate` shows: what was measured, seat by seat, and the site file's block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml
from rich.console import Console
from rich.table import Table

from deploy.calibrate.looks import MIN_FACES, WHOLE_CAMERA, CameraLooks, Measured
from schemas.site import Camera


def show(
    cameras: Sequence[Camera],
    looks: Mapping[str, CameraLooks],
    measured: Mapping[str, Sequence[Measured]],
    console: Console,
) -> None:
    """Print what was measured, seat by seat, and what was not."""
    table = Table("camera", "seat", "faces", "yaw", "pitch", "spread", "")
    for camera in cameras:
        for each in measured[camera.id]:
            table.add_row(
                camera.id,
                each.label or "(all)",
                str(each.faces),
                f"{each.yaw_deg:+.1f}°",
                f"{each.pitch_deg:+.1f}°",
                f"{each.spread_deg:.1f}°",
                note_on(camera, each),
            )
    console.print(table)
    for camera_id, seen in looks.items():
        labels = {each.label for each in measured[camera_id]}
        if missing := sorted({seat.label for seat in seen.seats} - labels):
            console.print(f"{camera_id}: nobody was seen at {', '.join(missing)}.")
        if seen.elsewhere:
            console.print(f"{camera_id}: {seen.elsewhere} faces were in no seat, or in two.")


def note_on(camera: Camera, measured: Measured) -> str:
    """What a person should know about one line of the table."""
    seat = camera.seats.get(measured.label)
    own = camera.calibration if measured.label == WHOLE_CAMERA else seat and seat.calibration
    notes = []
    if not measured.is_enough:
        notes.append(f"fewer than {MIN_FACES} faces: left out")
    elif measured.is_scattered:
        notes.append("scattered: not everybody looked at one place")
    if own is not None:
        notes.append("the site file's own wins")
    return "; ".join(notes)


def site_file_block(cameras: Sequence[Camera], wanted: Mapping[str, Sequence[Measured]]) -> str:
    """The cameras of a site file with these calibrations, to paste."""
    blocks = []
    for camera in cameras:
        block: dict[str, object] = {"id": camera.id}
        seats = {}
        for each in wanted[camera.id]:
            angles = {"yaw_deg": round(each.yaw_deg, 1), "pitch_deg": round(each.pitch_deg, 1)}
            if each.label == WHOLE_CAMERA:
                block["calibration"] = angles
            else:
                seats[each.label] = {"calibration": angles}
        blocks.append(block | ({"seats": seats} if seats else {}))
    return yaml.safe_dump({"cameras": blocks}, sort_keys=False, default_flow_style=None)
