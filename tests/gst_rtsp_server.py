"""A camera that owes nothing to this project: GStreamer's RTSP server with a moving test picture.

Run by Debian's own Python, which has `gi`: `/usr/bin/python3 gst_rtsp_server.py PORT CODEC`. Prints
its port once it listens; 0 takes a free one.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  versions come first

PICTURES = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1"
)
ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay",
    "hevc": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph265pay",
}


def main() -> None:
    port, codec = sys.argv[1], sys.argv[2]
    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(f"( {PICTURES} ! {ENCODERS[codec]} name=pay0 pt=96 config-interval=1 )")
    factory.set_shared(True)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.get_mount_points().add_factory("/door", factory)
    if server.attach(None) == 0:
        raise SystemExit("the port is taken")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
