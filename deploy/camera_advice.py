"""What is wrong with a camera's picture, and how to place or set the camera better: in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from aggregator.score import MIN_QUALITY, quality
from deploy.face_sizes import FaceGroup, SeenFace, centre_of
from ingest.errors import Cause
from ingest.probe import Probe
from schemas.site import Camera, Seat

EXPRESSION_PX: Final = 32  # below, no expression is told (docs/analysis.md)
EYES_PX: Final = 64  # below, AS-1 does not judge eyes
AIM_PX: Final = 32
HARD_TO_FIND_PX: Final = 20
WIDE_YAW_DEG: Final = 45.0  # beyond, AS-1 trusts a face less
DARK_LEVEL: Final = 45.0  # of 255
LONG_KEY_S: Final = 10.0
MAX_OFFSET_S: Final = 1.0
_SURE: Final = 0.9  # a detector's usual confidence
_MOST: Final = 0.5

REMEDIES: Final[dict[Cause, str]] = {
    "unreachable": "is it switched on, and may this machine reach it?",
    "unauthorized": "correct the user in its url, or the password in its environment variable",
    "not_found": "look up the stream's path in the camera's manual and correct its url",
    "busy": "close other viewers, or restart the camera",
    "untrusted": "give it a certificate that this machine trusts, or set `verify_tls: false`",
    "silent": "does its own web page show a picture? If not, restart it",
    "dropped": "does it have too many viewers? If not, restart it",
    "unusable": "is its url that of a video stream? H.264, H.265 and MJPEG can be read",
    "no_picture": "set its key frame interval to 1 or 2 s; over udp try `transport: tcp`",
    "frozen": "restart it",
    "time_jump": "is this machine too busy now? If not, correct its clock (NTP) and restart it",
    "behind": "is the network, or this machine, too slow for it? Try `stream: sub`",
    "hung": "restart it, then check again",
    "crashed": "that is a bug of this program: please report it",
}


def remedy(cause: Cause) -> str:
    """What to do about a camera that gives no pictures."""
    return REMEDIES.get(cause, "see the camera's own log")


def about_stream(camera: Camera, probe: Probe) -> Iterator[str]:
    """What is wrong with how the camera codes its pictures."""
    stream, trouble = probe.stream, probe.trouble
    if trouble is not None:
        yield f"then the stream broke off: {trouble}: {remedy(trouble.cause)}"
    if stream.fps is not None and stream.fps < 0.9 * camera.analysis_fps:
        yield (
            f"it sends {stream.fps:.1f} pictures a second, fewer than `analysis_fps: "
            f"{camera.analysis_fps:g}`: set it to more"
        )
    if stream.key_every_s is None and not camera.is_film and stream.codec != "mjpeg":
        yield "only one key frame came: set its key frame interval to 1 or 2 s (no smart codec)"
    elif stream.key_every_s is not None and stream.key_every_s > LONG_KEY_S:
        yield "a long way to the next key frame is a long gap after each loss: set it to 1 or 2 s"
    if probe.camera_offset_s is not None and abs(probe.camera_offset_s) > MAX_OFFSET_S:
        yield "set up NTP in the camera: its clock is not ours (times are taken by ours)"


def about_sizes(camera: Camera, groups: Sequence[FaceGroup], *, expression: bool) -> Iterator[str]:
    """Which faces are too small for what, and what helps."""
    small = [group for group in groups if group.median_px < _least_px(expression=expression)]
    if not small:
        return
    for group in sorted(small, key=lambda group: group.median_px):
        effect = f"expression will abstain below {EXPRESSION_PX}"
        if quality(group.median_px, _SURE, 0.0) < MIN_QUALITY:
            effect = f"too small to be scored{', and ' + effect if expression else ''}"
        yield f"{group.name}: faces {group.median_px:.0f} px, {effect}"
    smallest_px = min(group.median_px for group in small)
    yield _enlarge(camera, AIM_PX / smallest_px)
    if smallest_px < HARD_TO_FIND_PX and not camera.detection.regions and camera.region is None:
        yield "`detection: {regions: …}` finds more faces of this size, but makes none larger"


def about_view(faces: Sequence[SeenFace], level: float) -> Iterator[str]:
    """Faces turned away, a dark picture."""
    turned = [face for face in faces if face.yaw_deg is not None]
    wide = [face for face in turned if abs(face.yaw_deg or 0.0) > WIDE_YAW_DEG]
    if turned and len(wide) > _MOST * len(turned):
        yield (
            f"{len(wide)} of {len(turned)} faces are turned away by more than "
            f"{WIDE_YAW_DEG:.0f} degrees: place the camera nearer to the board"
        )
    if level < DARK_LEVEL:
        yield (
            f"the picture is dark ({level:.0f} of 255): switch the light on, or set a longer "
            "exposure or wide dynamic range"
        )


def about_seats(camera: Camera, seen: Sequence[FaceGroup]) -> Iterator[str]:
    """Seats that the camera cannot see, or in which nobody was seen."""
    outside = [label for label, seat in camera.seats.items() if not _is_in_view(camera, seat)]
    if outside:
        yield f"seats outside `region`: {_listed(outside)}: enlarge it, or draw them anew"
    sitting = {group.name.removeprefix("seat ") for group in seen}
    empty = [label for label in camera.seats if label not in sitting and label not in outside]
    if sitting and empty:
        yield f"no face in seats {_listed(empty)}: empty, hidden, or drawn in another place?"


def _least_px(*, expression: bool) -> float:
    """The height from which everything that policy permits is told of a face."""
    scored_px = next(px for px in range(1, 200) if quality(px, _SURE, 0.0) >= MIN_QUALITY)
    return max(EXPRESSION_PX if expression else 0, scored_px)


def _enlarge(camera: Camera, factor: float) -> str:
    ways = ["move it nearer", f"choose a lens with {_up(factor):.1f} times the focal length"]
    if camera.stream == "sub":
        ways.insert(0, "read the main stream (`stream: main`)")
    else:
        ways.insert(0, "set a larger picture in the camera")
    return f"to enlarge them: {', '.join(ways[:-1])} or {ways[-1]}"


def _is_in_view(camera: Camera, seat: Seat) -> bool:
    left, top, right, bottom = camera.region or (0.0, 0.0, 1.0, 1.0)
    x, y = centre_of(seat)
    return left <= x <= right and top <= y <= bottom


def _listed(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:12])
    return f"{shown} and {len(labels) - 12} more" if len(labels) > 12 else shown


def _up(factor: float) -> float:
    return math.ceil(factor * 10) / 10
