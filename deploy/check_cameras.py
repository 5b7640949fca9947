"""The part of `facepose check` that opens each camera and looks at its pictures.

Pictures stay in memory, are shown to nobody, and are forgotten once their faces are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from deploy import camera_advice as advice
from deploy.face_sizes import FaceGroup, SeenFace, by_seat, rows, seen_face
from deploy.finding import Finding
from deploy.probe_pool import ProbePool
from ingest.camera_spec import CameraSpec, spec_of
from ingest.errors import CameraError
from ingest.probe import Probe
from schemas.errors import FacePoseError
from schemas.settings import Settings
from schemas.site import Camera, Room, Site
from workers.analyzer import FaceAnalyzer
from workers.decode import decode_jpeg
from workers.errors import WorkersError
from workers.stages import View

CODECS: Final = {"h264": "H.264", "hevc": "H.265", "mjpeg": "MJPEG"}
LEAST_OFFSET_S: Final = 0.1  # the way of the packets is in it

Progress = Callable[[int, int], None]
"""Told how many cameras of how many were looked at."""


def check_cameras(
    site: Site, folder: Path, settings: Settings, progress: Progress = lambda _done, _all: None
) -> Iterator[Finding]:
    """What each camera sends and how large faces are in it, in the site file's order.

    Args:
        site: whose cameras are opened, several at once, for a few seconds each.
        folder: the site file's; relative film paths start there.
        settings: where the networks run.
        progress: of the cameras.
    """
    cameras = list(site.cameras())
    found: dict[int, list[Finding]] = {}
    specs: dict[int, CameraSpec] = {}
    for number, (room, camera) in enumerate(cameras):
        try:
            specs[number] = _spec(room, camera, folder)
        except FacePoseError as exc:
            found[number] = [Finding(f"camera {camera.id}", "failed", str(exc))]
    numbers = list(specs)
    faces = FaceCheck(site, settings)
    progress(len(found), len(cameras))
    for probed in ProbePool(list(specs.values())).answers():
        number = numbers[probed.number]
        camera = cameras[number][1]
        if isinstance(probed.answer, CameraError):
            found[number] = [failure(camera, probed.answer)]
        else:
            found[number] = [stream_finding(camera, probed.answer)]
            found[number] += faces.look(camera, probed.answer)
        progress(len(found), len(cameras))
    for number in sorted(found):
        yield from found[number]
    if faces.trouble:
        yield Finding("faces", "warning", f"sizes could not be looked at: {faces.trouble}")


def failure(camera: Camera, error: CameraError) -> Finding:
    """A camera that gives no pictures."""
    reason, remedy = str(error), advice.remedy(error.cause)
    asks = reason.endswith("?")
    text = f"{reason} {remedy[0].upper()}{remedy[1:]}" if asks else f"{reason}: {remedy}"
    return Finding(f"camera {camera.id}", "failed", text)


def stream_finding(camera: Camera, probe: Probe) -> Finding:
    """What the camera sends."""
    stream, report = probe.stream, probe.report
    codec = CODECS.get(stream.codec, stream.codec)
    facts = [f"{codec} {stream.width} x {stream.height}"]
    if stream.fps is not None:
        facts.append(f"{stream.fps:.4g} fps")
    if stream.key_every_s is not None:
        facts.append(f"a key frame every {stream.key_every_s:.2g} s")
    if stream.bits_per_s is not None:
        facts.append(f"{stream.bits_per_s / 1e6:.2g} Mbit/s")
    facts.append(f"decoded: {report.decoding or 'all'}, in {report.decoder or 'software'}")
    if probe.first_picture_s is not None:
        facts.append(f"first picture after {probe.first_picture_s:.1f} s")
    if probe.camera_offset_s is not None:
        facts.append(_clock(probe.camera_offset_s))
    warnings = list(advice.about_stream(camera, probe))
    return _finding(f"camera {camera.id}", ", ".join(facts), warnings)


class FaceCheck:
    """Looks for faces with the site's own networks; they are loaded for the first picture.

    Attributes:
        trouble: why that cannot be done here; empty: it can.
    """

    def __init__(self, site: Site, settings: Settings) -> None:
        self.trouble = ""
        self._site = site
        self._settings = settings
        self._analyzer: FaceAnalyzer | None = None

    def look(self, camera: Camera, probe: Probe) -> Iterator[Finding]:
        """At the pictures of one camera."""
        analyzer = self._loaded()
        if analyzer is None:
            return
        images = [decode_jpeg(each.jpeg, matrix=each.matrix) for each in probe.pictures]
        views = [View(detection=camera.detection)] * len(images)
        found = analyzer.analyze(images, views)
        faces = [
            [seen_face(face, picture) for face in there]
            for there, picture in zip(found, probe.pictures, strict=True)
        ]
        level = float(np.median(images[0]))
        yield faces_finding(camera, faces, level, expression=self._site.rules.expression)

    def _loaded(self) -> FaceAnalyzer | None:
        if self._analyzer is None and not self.trouble:
            models, settings = self._site.models, self._settings
            try:
                # Without expressions: only sizes and angles are told, whatever policy permits.
                self._analyzer = FaceAnalyzer.load(
                    settings.device, models=models, expression=False, threads=settings.threads
                )
            except WorkersError as exc:
                self.trouble = str(exc)
        return self._analyzer


def faces_finding(
    camera: Camera, pictures: Sequence[Sequence[SeenFace]], level: float, *, expression: bool
) -> Finding:
    """How large faces are, and what would make them larger.

    Args:
        camera: whose pictures they are.
        pictures: the faces of each.
        level: how bright the picture is, 0..255.
        expression: whether policy permits expressions.
    """
    what = f"faces of {camera.id}"
    faces = [face for picture in pictures for face in picture]
    dark = list(advice.about_view(faces, level))
    if not faces:
        empty = "no face in its picture: check again during a lesson"
        return Finding(what, "warning", "\n".join([empty, *dark]))
    seats = [
        FaceGroup(f"seat {seat.name}", seat.median_px, seat.smallest_px)
        for seat in by_seat(faces, camera.seats)
    ]
    groups = seats or rows(faces)
    warnings = [
        *advice.about_sizes(camera, groups, expression=expression),
        *dark,
        *advice.about_seats(camera, seats),
    ]
    return _finding(what, _sizes(max(map(len, pictures)), groups), warnings)


def _sizes(count: int, groups: Sequence[FaceGroup]) -> str:
    """How many faces, and how high they are where."""
    heads = f"{count} face{'s' if count > 1 else ''}"
    where = ", ".join(f"{group.name} {group.median_px:.0f}" for group in groups)
    smallest = min(group.smallest_px for group in groups)
    eyes = [group.name for group in groups if group.median_px >= advice.EYES_PX]
    judged = f"eyes judged from {advice.EYES_PX} px: {', '.join(eyes) or 'nowhere'}"
    return f"{heads}, median height in px: {where}; smallest {smallest:.0f}; {judged}"


def _clock(offset_s: float) -> str:
    if abs(offset_s) < LEAST_OFFSET_S:
        return "its clock agrees with ours"
    return f"its clock {abs(offset_s):.1f} s {'ahead' if offset_s > 0 else 'behind'}"


def _finding(what: str, facts: str, warnings: Sequence[str]) -> Finding:
    return Finding(what, "warning" if warnings else "ok", "\n".join([facts, *warnings]))


def _spec(room: Room, camera: Camera, folder: Path) -> CameraSpec:
    """What ingest would read.

    Raises:
        SettingsError: a secret is not set.
        CameraError: there is no such film, or the url names no host.
    """
    spec = spec_of(room, camera, folder)
    if not camera.is_film:
        _check_host(spec.url)
    elif not Path(spec.url).is_file():
        raise CameraError(f"there is no film at {spec.url}: correct its url")
    return spec


def _check_host(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its text may repeat the url, and with it the password
        raise CameraError("its url has no readable host and port: correct it") from None
    if not host:
        raise CameraError("its url names no host: write rtsp://HOST/PATH")
