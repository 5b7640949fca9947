"""Builds a room's log: two cameras, students on a grid, as ingest and workers would write it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from schemas.messages import CameraStatus, EndOfStream, Face, FrameFaces, RoomMessage, RoomPlan
from schemas.policy import PolicyRules, resolve
from schemas.room_plan import CameraPlan, Direction, Lesson, SeatPlan

NS = 1_000_000_000
START = 1_795_000_200  # a multiple of 60
WIDTH, HEIGHT = 1280, 720
Entry = tuple[str, RoomMessage]
FRONT = Direction(yaw_deg=5.0, pitch_deg=-4.0)


def square(x: float, y: float, half: float = 0.05) -> tuple[tuple[float, float], ...]:
    return ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half))


def seat_plans(count: int, *, calibrated: bool = True) -> tuple[SeatPlan, ...]:
    return tuple(
        SeatPlan(
            label=f"A{i + 1}",
            polygon=square(*centre(i)),
            calibration=FRONT if calibrated else None,
        )
        for i in range(count)
    )


def centre(i: int) -> tuple[float, float]:
    return 0.1 + 0.15 * (i % 6), 0.2 + 0.25 * (i // 6)


def plan(
    seats: int = 6,
    cameras: Sequence[str] = ("cam-1",),
    policy: PolicyRules | None = None,
    lessons: tuple[Lesson, ...] = (),
    calibrated: bool = True,
    drawn: bool = True,
) -> RoomPlan:
    return RoomPlan(
        room_id="room-1",
        at=START * NS,
        site_id="school",
        time_zone="Europe/Amsterdam",
        policy=policy or resolve("demo"),
        cameras=tuple(
            CameraPlan(
                camera_id=name,
                mask_bit=bit,
                analysis_fps=2.0,
                calibration=FRONT if calibrated else None,
                seats=seat_plans(seats, calibrated=calibrated) if drawn else (),
            )
            for bit, name in enumerate(cameras)
        ),
        lessons=lessons,
    )


def face(
    x: float,
    y: float,
    yaw: float = 5.0,
    pitch: float = -4.0,
    *,
    px: float = 80.0,
    confidence: float = 0.9,
    ear: float = 0.3,
    expression: tuple[float, float, float, float, float, float, float] | None = None,
) -> Face:
    cx, cy = x * WIDTH, y * HEIGHT
    return Face(
        box_xyxy=(cx - px * 0.4, cy - px / 2, cx + px * 0.4, cy + px / 2),
        confidence=confidence,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=0.0,
        eye_openness=(ear, ear),
        expression=expression,
    )


Scene = Callable[[float, str], Sequence[Face]]  # seconds since START, camera → faces


def frame(
    at_s: float, seq: int, faces: Sequence[Face], camera: str = "cam-1", **changes: object
) -> FrameFaces:
    values: dict[str, object] = {
        "room_id": "room-1",
        "camera_id": camera,
        "epoch": "e1",
        "seq": seq,
        "captured_at": round((START + at_s) * NS),
        "width": WIDTH,
        "height": HEIGHT,
        "outcome": "analysed",
        "faces": tuple(faces),
        "analysed_at": round((START + at_s + 0.3) * NS),
        "model_version": "m1",
    }
    return FrameFaces(**{**values, **changes})  # type: ignore[arg-type]  # built from keywords


def status(at_s: float, last_seq: int, camera: str = "cam-1", state: str = "up") -> CameraStatus:
    return CameraStatus(
        room_id="room-1",
        camera_id=camera,
        at=round((START + at_s) * NS),
        state=state,  # type: ignore[arg-type]  # "up" or "down"
        epoch="e1",
        last_seq=last_seq,
    )


def timed_log(
    room_plan: RoomPlan, length_s: int, scene: Scene, *, fps: int = 2, ends: bool = False
) -> list[tuple[float, RoomMessage]]:
    """Messages with the time (seconds since START) at which each reaches the log."""
    timed: list[tuple[float, RoomMessage]] = [(0.0, room_plan)]
    for k in range(length_s * fps):
        at = k / fps + 0.1
        for camera in room_plan.cameras:
            name = camera.camera_id
            timed.append((at + 0.4, frame(at, k, scene(at, name), name)))
            if k % fps == fps - 1:
                timed.append((at + 0.05, status(at + 0.05, k, name)))
    if ends:
        for camera in room_plan.cameras:
            end = EndOfStream(
                room_id="room-1",
                camera_id=camera.camera_id,
                at=round((START + length_s) * NS),
                epoch="e1",
                last_seq=length_s * fps - 1,
            )
            timed.append((float(length_s), end))
    return sorted(timed, key=lambda pair: pair[0])


def entries(timed: Sequence[tuple[float, RoomMessage]]) -> list[Entry]:
    """Give each message an entry id by its time of arrival."""
    return [
        (f"{round((START + at) * 1000)}-{number}", message)
        for number, (at, message) in enumerate(timed)
    ]


def classroom(count: int = 6, seed: int = 1) -> Scene:
    """Students who sit still; each turns away for some 10 s stretches, by chance."""
    noise = random.Random(seed)
    away = {i: [noise.random() < 0.1 + 0.1 * i for _ in range(400)] for i in range(count)}
    jitter = [noise.uniform(-0.004, 0.004) for _ in range(1000)]

    def scene(at_s: float, camera: str) -> Sequence[Face]:
        faces = []
        for i in range(count):
            x, y = centre(i)
            offset = jitter[(int(at_s * 2) * 7 + i * 13 + len(camera)) % 1000]
            yaw = 70.0 if away[i][int(at_s) // 10 % 400] else 5.0
            faces.append(face(x + offset, y, yaw + 300 * offset))
        return faces

    return scene
