"""`facepose check` on cameras: real streams, broken ones, and how large a drawn class is seen."""

import threading

import pytest

from deploy.bench.scene import drawn_class
from deploy.check_cameras import FaceCheck, check_cameras
from deploy.finding import Finding
from deploy.probe_pool import ProbePool
from deploy.simulator.encoding import encode_film
from deploy.simulator.rtsp_server import RtspServer
from ingest.camera_spec import CameraSpec
from ingest.errors import CameraError
from schemas.settings import Settings
from schemas.site import Site
from schemas.site_file import parse_site
from tests.fixtures_cameras import camera_thread, numbered_film
from tests.fixtures_films import write_film
from tests.integration.broken_cameras import SILENT, broken_camera
from workers.decode import decode_jpeg

SECRET = "hunter2"
STUDENTS = 30


@pytest.fixture
def free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPOSE_CACHE", str(tmp_path / "empty"))


def site(*cameras: str, policy: str = "demo") -> Site:
    lines = "\n".join(f"      - {camera}" for camera in cameras)
    return parse_site(
        "version: 1\nsite: {id: school, time_zone: UTC}\n"
        f"policy: {policy}\nrooms:\n  - id: lab\n    cameras:\n{lines}\n"
    )


def look_at(folder, *cameras: str, policy: str = "demo") -> dict[str, Finding]:
    settings = Settings(device="cpu", threads=1)
    found = check_cameras(site(*cameras, policy=policy), folder, settings)
    return {finding.what: finding for finding in found}


def look_at_one(folder, url: str, more: str = "") -> Finding:
    return look_at(folder, f'{{id: lab-1, url: "{url}"{more}}}')["camera lab-1"]


@pytest.fixture(scope="module")
def class_film(tmp_path_factory):
    """A class of thirty in 720p, where the back rows are small."""
    path = tmp_path_factory.mktemp("class") / "class.mp4"
    picture = decode_jpeg(drawn_class(STUDENTS, 1280, 720, 1)[0])
    encode_film(path, [picture] * 15, width=1280, height=720, fps=5)
    return path


@pytest.mark.usefixtures("no_weights")
def test_a_film_is_told_by_what_is_in_it(tmp_path):
    write_film(tmp_path / "my film.mp4", seconds=3)
    for url in ("my film.mp4", f"file://{tmp_path}/my%20film.mp4"):
        finding = look_at_one(tmp_path, url)
        assert finding.verdict == "ok"
        assert finding.text.startswith("H.264 320 x 180, 10 fps, a key frame every 1 s")


def test_a_film_that_is_not_there(tmp_path):
    finding = look_at_one(tmp_path, "none.mp4")
    assert (finding.verdict, finding.text) == (
        "failed",
        f"there is no film at {tmp_path / 'none.mp4'}: correct its url",
    )


def test_a_file_that_is_no_film(tmp_path):
    (tmp_path / "notes.mp4").write_text("no film")
    finding = look_at_one(tmp_path, "notes.mp4")
    assert finding.verdict == "failed"
    assert finding.text.startswith("the film notes.mp4 cannot be played")


@pytest.mark.slow
@pytest.mark.usefixtures("no_weights")
def test_a_camera_is_told_by_what_it_sends(tmp_path):
    films = {"h264": "libx264", "hevc": "libx265"}
    mounts = {name: numbered_film(tmp_path / f"{name}.mp4", films[name]) for name in films}
    server = RtspServer(mounts, loop=True)
    with camera_thread(server):
        found = look_at(tmp_path, *(f'{{id: {name}, url: "{server.url(name)}"}}' for name in films))
    for name, codec in (("h264", "H.264"), ("hevc", "H.265")):
        told = found[f"camera {name}"]
        assert told.verdict == "ok"
        assert told.text.startswith(f"{codec} 160 x 96, 25 fps, a key frame every 0.4 s")
        assert "in software, first picture after" in told.text
        assert "its clock" in told.text  # how far it is off, also the machine's load decides
    assert "up to the last sampled one of each group" in found["camera h264"].text


@pytest.mark.slow
@pytest.mark.usefixtures("no_weights")
def test_a_camera_that_sends_too_few_pictures(tmp_path):
    server = RtspServer({"slow": numbered_film(tmp_path / "slow.mp4", fps=3, gop=3)}, loop=True)
    with camera_thread(server):
        finding = look_at_one(tmp_path, server.url("slow"))
    assert finding.verdict == "warning"
    assert "it sends 3.0 pictures a second, fewer than `analysis_fps: 5`" in finding.text


@pytest.mark.usefixtures("no_weights")
def test_a_camera_that_breaks_off_is_told_with_what_it_sent(tmp_path):
    server = RtspServer({"short": numbered_film(tmp_path / "short.mp4")}, on_end="close")
    with camera_thread(server):
        finding = look_at_one(tmp_path, server.url("short"))
    assert finding.verdict == "warning"
    assert finding.text.startswith("H.264 160 x 96, 25 fps")
    assert "then the stream broke off: the camera ended the stream: does it have" in finding.text


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("401 Unauthorized", "refuses user or password (401): correct the user in its url"),
        ("404 Not Found", "knows no such stream (404)"),
        (SILENT, "the camera was silent for some seconds: does its own web page show a picture?"),
    ],
)
def test_a_camera_that_answers_wrongly_gets_a_reason_and_a_remedy(tmp_path, answer, told):
    with broken_camera(answer) as port:
        finding = look_at_one(tmp_path, f"rtsp://127.0.0.1:{port}/stream")
    assert finding.verdict == "failed"
    assert told in finding.text


def test_a_camera_that_is_not_there(tmp_path, free_port):
    finding = look_at_one(tmp_path, f"rtsp://127.0.0.1:{free_port}/stream")
    assert finding.verdict == "failed"
    assert "the connection is refused" in finding.text
    assert "Is it switched on" in finding.text


def test_a_camera_whose_password_is_missing(tmp_path, monkeypatch):
    monkeypatch.delenv("LAB_PASSWORD", raising=False)
    finding = look_at_one(tmp_path, "rtsp://me:${LAB_PASSWORD}@127.0.0.1/")
    assert finding.verdict == "failed"
    assert "needs the environment variable LAB_PASSWORD" in finding.text


@pytest.mark.parametrize("password", [SECRET, f"{SECRET}/x", f"{SECRET}:x@y"])
def test_a_cameras_password_is_never_shown(tmp_path, monkeypatch, free_port, password):
    monkeypatch.setenv("LAB_PASSWORD", password)
    finding = look_at_one(tmp_path, f"rtsp://me:${{LAB_PASSWORD}}@127.0.0.1:{free_port}/")
    assert finding.verdict == "failed"
    assert SECRET not in finding.text


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("rtsp://camera:99999/", "no readable host and port"),
        ("rtsp:///stream", "names no host"),
        (f"rtsp://{'a' * 70}.example/", "may this machine reach it?"),
    ],
)
def test_a_url_that_leads_nowhere(tmp_path, url, reason):
    finding = look_at_one(tmp_path, url)
    assert finding.verdict == "failed"
    assert reason in finding.text


def test_cameras_are_told_in_the_site_files_order_whatever_comes_first(tmp_path, free_port):
    write_film(tmp_path / "b.mp4", seconds=1)
    found = look_at(
        tmp_path,
        f'{{id: a, url: "rtsp://127.0.0.1:{free_port}/x"}}',
        "{id: b, url: b.mp4}",
        "{id: c, url: none.mp4}",
    )
    assert [what for what in found if what.startswith("camera")] == [
        "camera a",
        "camera b",
        "camera c",
    ]


def spec(camera_id: str) -> CameraSpec:
    return CameraSpec(room_id="lab", camera_id=camera_id, url="rtsp://127.0.0.1/")


def test_a_camera_that_hangs_holds_up_no_other():
    release = threading.Event()

    def look(spec: CameraSpec):
        if spec.camera_id == "hanging":
            release.wait(60)
        raise CameraError("seen")

    pool = ProbePool([spec("hanging"), spec("other")], look, limit_s=0.3)
    answers = {probed.number: probed.answer for probed in pool.answers()}
    release.set()
    assert str(answers[1]) == "seen"
    assert (answers[0].cause, str(answers[0])) == ("hung", "it hung for 0 s without an answer")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_costs_one_camera_its_answer():
    def look(spec: CameraSpec):
        raise RuntimeError if spec.camera_id == "odd" else CameraError("seen")

    pool = ProbePool([spec("odd"), *(spec(f"c{n}") for n in range(20))], look)
    answers = {probed.number: probed.answer for probed in pool.answers()}
    assert answers.pop(0).cause == "crashed"
    assert [str(answers[number]) for number in sorted(answers)] == ["seen"] * 20


@pytest.mark.usefixtures("no_weights")
def test_without_weights_the_stream_is_told_all_the_same(class_film):
    found = look_at(class_film.parent, "{id: lab-1, url: class.mp4}")
    assert found["camera lab-1"].verdict == "ok"
    assert found["faces"].verdict == "warning"
    assert "facepose weights pull" in found["faces"].text


def test_faces_are_told_by_row_and_the_small_ones_with_what_helps(class_film, weights):
    found = look_at(class_film.parent, "{id: lab-1, url: class.mp4}")["faces of lab-1"]
    assert found.verdict == "warning"
    facts, *advice = found.text.splitlines()
    assert facts.startswith("30 faces, median height in px: row 1 4")
    assert "row 5 2" in facts
    assert facts.endswith("eyes judged from 64 px: nowhere")
    assert advice[0].startswith("row 5: faces 2")
    assert "too small to be scored, and expression will abstain below 32" in advice[0]
    assert "choose a lens with 1." in advice[-1]


def test_where_expressions_are_not_permitted_only_the_score_counts(class_film, weights):
    found = look_at(class_film.parent, "{id: lab-1, url: class.mp4}", policy="eu")
    assert "expression" not in found["faces of lab-1"].text


def test_faces_are_told_by_seat_where_seats_are_drawn(class_film, weights):
    front = "polygon: [[0, 0.5], [1, 0.5], [1, 0.65], [0, 0.65]]"
    nobody = "polygon: [[0, 0], [0.1, 0], [0.1, 0.1]]"
    camera = f"{{id: lab-1, url: class.mp4, seats: {{front: {{{front}}}, wall: {{{nobody}}}}}}}"
    found = look_at(class_film.parent, camera)["faces of lab-1"]
    assert "median height in px: seat front 4" in found.text
    assert "no face in seats wall" in found.text


def test_a_seat_outside_the_region_is_told(class_film, weights):
    camera = (
        "{id: lab-1, url: class.mp4, region: [0, 0.2, 1, 0.5], "
        "seats: {low: {polygon: [[0.4, 0.8], [0.6, 0.8], [0.6, 0.9]]}}}"
    )
    found = look_at(class_film.parent, camera)["faces of lab-1"]
    assert "seats outside `region`: low" in found.text


def test_an_empty_room_asks_to_be_looked_at_again(tmp_path, weights):
    write_film(tmp_path / "empty.mp4", seconds=1)
    found = look_at(tmp_path, "{id: lab-1, url: empty.mp4}")["faces of lab-1"]
    assert found.verdict == "warning"
    assert found.text.startswith("no face in its picture: check again during a lesson")


def test_networks_are_loaded_for_the_first_picture_only(no_weights):
    assert FaceCheck(site("{id: lab-1, url: a.mp4}"), Settings(device="cpu")).trouble == ""
