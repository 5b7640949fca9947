"""Simulated cameras for the fault bench: one for each fault, and healthy ones beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
import numpy as np

from deploy.simulator.fault import HEALTHY, Fault
from deploy.simulator.rtsp_login import Login
from deploy.simulator.rtsp_server import RtspServer

CAMERA_FPS: Final = 25
ANALYSIS_FPS: Final = 5
HEALTHY_CAMERAS: Final = ("healthy-1", "healthy-2")
ROOM: Final = "faults"
PASSWORD_VARIABLE: Final = "CAMERA_PASSWORD"  # noqa: S105  a variable's name
LOGIN: Final = Login("Räum #1", "p@ss:/%?# wörd")
_MOUNT: Final = "camera"
_SIZE: Final = (320, 180)
_OTHER_SIZE: Final = (256, 144)
_OTHER_FPS: Final = 10
_FILM_S: Final = 8
_STEP_PX: Final = 4


@dataclass(frozen=True)
class FaultCamera:
    """One camera with the fault that it will have.

    Attributes:
        camera_id: a slug: the fault's name, or a healthy camera's.
        fault: `HEALTHY` for one that stays so.
        server: on a port of its own, so that it can be closed.
    """

    camera_id: str
    fault: Fault
    server: RtspServer

    @property
    def site_line(self) -> str:
        """The camera in a site file; its password stands in the environment."""
        user, _, _ = LOGIN.in_url.partition(":")
        login = f"{user}:${{{PASSWORD_VARIABLE}}}@"
        url = self.server.url(_MOUNT).replace("://", f"://{login}")
        return (
            f"{{id: {self.camera_id}, url: '{url}', analysis_fps: {ANALYSIS_FPS}, "
            f"transport: {self.fault.transport}}}"
        )


def cameras_for(faults: Iterable[Fault], folder: Path) -> list[FaultCamera]:
    """Cameras with these faults and the healthy ones; their films are written into `folder`."""
    films = _write_films(folder)
    wanted = [(name, HEALTHY) for name in HEALTHY_CAMERAS]
    wanted += [(fault.name, fault) for fault in faults]
    return [FaultCamera(camera_id, fault, _server(films, fault)) for camera_id, fault in wanted]


def site_file(cameras: Iterable[FaultCamera]) -> str:
    """A site of one room with these cameras, started or not."""
    lines = "\n".join(f"      - {camera.site_line}" for camera in cameras)
    return (
        "version: 1\n"
        "site: {id: bench, time_zone: UTC}\n"
        "policy: demo\n"
        f"rooms:\n  - id: {ROOM}\n    cameras:\n{lines}\n"
    )


def camera_environment() -> dict[str, str]:
    """What the site file's urls need."""
    return {PASSWORD_VARIABLE: LOGIN.in_url.partition(":")[2].removesuffix("@")}


def _server(films: Mapping[str, Path], fault: Fault) -> RtspServer:
    others = {fault.becomes: films[fault.becomes]} if fault.becomes else {}
    return RtspServer({_MOUNT: films["usual"]}, loop=True, logins={_MOUNT: LOGIN}, others=others)


def _write_films(folder: Path) -> dict[str, Path]:
    films = {name: folder / f"{name}.mp4" for name in ("usual", "size", "codec", "rate")}
    _write_film(films["usual"])
    _write_film(films["size"], size=_OTHER_SIZE)
    _write_film(films["codec"], encoder="libx265")
    _write_film(films["rate"], fps=_OTHER_FPS)
    return films


def _write_film(
    path: Path,
    *,
    size: tuple[int, int] = _SIZE,
    fps: int = CAMERA_FPS,
    encoder: Literal["libx264", "libx265"] = "libx264",
) -> None:
    """A picture that wanders: no two frames are alike; a key picture every second."""
    options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(fps), "threads": "1"}
    if encoder == "libx265":
        options |= {"x265-params": f"log-level=error:pools=none:keyint={fps}:min-keyint={fps}"}
    width, height = size
    rows = np.random.default_rng(3).integers(60, 200, (height // 12, width // 20))
    picture = np.kron(rows, np.ones((12, 20))).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1] & ~1, height & ~1, "yuv420p"
        for index in range(_FILM_S * fps):
            grey = np.roll(picture, index * _STEP_PX, axis=1)
            frame = av.VideoFrame.from_ndarray(np.stack([grey] * 3, axis=-1), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
