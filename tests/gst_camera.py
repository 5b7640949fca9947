"""GStreamer's RTSP server as a camera that can be killed, stopped and started again."""

from __future__ import annotations

import functools
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PYTHON = Path("/usr/bin/python3")
PROGRAM = Path(__file__).with_name("gst_rtsp_server.py")
ELEMENTS = {"h264": ("x264enc", "rtph264pay"), "hevc": ("x265enc", "rtph265pay")}
_LOOK = """
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
sys.exit(any(Gst.ElementFactory.find(name) is None for name in sys.argv[1:]))
"""


@functools.cache
def is_there(codec: str = "h264") -> bool:
    """Whether Debian's packages for it are installed."""
    if not PYTHON.exists():
        return False
    look = subprocess.run([PYTHON, "-c", _LOOK, *ELEMENTS[codec]], capture_output=True, check=False)
    return look.returncode == 0


def require_gst_camera(codec: str = "h264") -> None:
    if not is_there(codec):
        pytest.skip(
            "GStreamer's RTSP server is not installed: apt-get install python3-gi "
            "gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad "
            "gstreamer1.0-plugins-ugly"
        )


class GstCamera:
    """One server process after the other, all on one port."""

    def __init__(self, codec: str = "h264") -> None:
        self._codec = codec
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._port}/door"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [PYTHON, PROGRAM, str(self._port), self._codec],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self._process.stdout.readline()
        assert line.strip().isdigit(), "GStreamer's server did not start"
        self._port = int(line)

    def freeze(self) -> None:
        """The process stops, its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@contextmanager
def gst_camera(codec: str = "h264") -> Iterator[GstCamera]:
    """A camera that runs; the test is skipped where GStreamer is missing."""
    require_gst_camera(codec)
    camera = GstCamera(codec)
    try:
        camera.start()
        yield camera
    finally:
        camera.kill()
