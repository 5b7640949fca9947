"""A folder of films as a process of simulated cameras; says where it is in a small file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

from deploy.local.errors import LocalError
from deploy.simulator.rtsp_process import run
from deploy.simulator.rtsp_server import RtspServer

# Readers connect before the first picture, so that none is missed; after 4.5 s they give up.
LEAD_NS: Final = 4_000_000_000


def serve_films(folder: Path, *, port: int, announce: Path | None, loop: bool) -> None:
    """Serve every NAME.mp4 of `folder` as rtsp://127.0.0.1:PORT/NAME until SIGTERM.

    Args:
        folder: of the films.
        port: 0 takes a free one.
        announce: written once, whole: {"url": …, "started_at_ns": …}.
        loop: repeat the films.

    Raises:
        LocalError: there is no film.
    """
    films = {path.stem: path for path in sorted(folder.glob("*.mp4"))}
    if not films:
        raise LocalError(f"there is no film (NAME.mp4) in {folder}")

    def tell(server: RtspServer) -> None:
        if announce is None:
            return
        said = {"url": server.url(""), "started_at_ns": server.started_at_ns}
        said["url"] = str(said["url"]).rstrip("/")
        part = announce.with_suffix(".part")
        part.write_text(json.dumps(said), encoding="utf-8")
        part.replace(announce)

    run(films, port=port, loop=loop, play_from_ns=time.time_ns() + LEAD_NS, on_ready=tell)
