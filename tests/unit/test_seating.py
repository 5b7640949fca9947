"""What `facepose seats` prints and draws."""

import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from aggregator.proposals import ProposedSeat
from aggregator.regions import Region
from deploy.seating.block import site_file_block
from deploy.seating.drawing import write_drawing
from deploy.seating.found import CameraSeats, RoomSeat, outlined
from deploy.seats_app import seats_app
from schemas.errors import SettingsError, SiteFileError
from schemas.room_plan import SeatPlan
from schemas.site import Camera

SEATS = [ProposedSeat(f"A{n + 1}", x=0.1 + 0.09 * n, y=0.5, w=0.04, h=0.08, taken=3 - n % 2)
         for n in range(10)]  # fmt: skip
DRAWN = RoomSeat("Window & 1", ((0.1, 0.1), (0.3, 0.15), (0.28, 0.4), (0.12, 0.35)))


def found(seats=SEATS):
    return CameraSeats("cam-1", outlined(seats), 3)


def test_the_block_is_a_cameras_part_of_a_site_file():
    text = site_file_block(
        "room-1", [found(), CameraSeats("cam-2", (DRAWN,)), CameraSeats("c", ())]
    )
    cameras = yaml.safe_load(text)["cameras"]
    assert [camera["id"] for camera in cameras] == ["cam-1", "cam-2"]
    for camera in cameras:
        assert Camera.model_validate({"url": "rtsp://camera/1", **camera}).seats
    assert list(cameras[0]["seats"]) == [f"A{n}" for n in range(1, 11)]
    assert "A1: {polygon: [[0.055, 0.404], [0.145, 0.404]" in text
    assert "# taken in 2 of 3 meetings" in text
    assert list(cameras[1]["seats"]) == ["Window & 1"]


SPOT = st.floats(0.05, 0.95)


@given(st.lists(st.tuples(SPOT, SPOT), min_size=2, max_size=12))
@settings(max_examples=200, deadline=None)
def test_regions_of_neighbours_never_overlap_and_hold_their_own_face(spots):
    apart = [
        spot
        for i, spot in enumerate(spots)
        if all(abs(spot[0] - x) > 0.01 or abs(spot[1] - y) > 0.01 for x, y in spots[:i])
    ]
    seats = [ProposedSeat(f"A{n}", x=x, y=y, w=0.05, h=0.1) for n, (x, y) in enumerate(apart)]
    regions = {
        seat.label: Region.of(SeatPlan(label=seat.label, polygon=seat.polygon))
        for seat in outlined(seats)
    }
    for one in seats:
        inside = [label for label, region in regions.items() if region.contains(one.x, one.y)]
        assert inside == [one.label]
    boxes = list(regions.values())
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            wide = (one.w + other.w) / 2 - abs(one.x - other.x)
            high = (one.h + other.h) / 2 - abs(one.y - other.y)
            assert min(wide, high) < 3e-4


def test_the_drawing_names_every_seat_once(tmp_path):
    path = tmp_path / "seats.svg"
    write_drawing(path, "Room <1>", [found(), CameraSeats("cam-2", (DRAWN,))])
    root = ET.parse(path).getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Room <1>" in texts
    assert [texts.count(label) for label in ("A1", "A10", "Window & 1")] == [1, 1, 1]
    assert texts.count("3/3") == texts.count("2/3") == 5
    outlines = list(root.iter("{http://www.w3.org/2000/svg}polygon"))
    assert sum("stroke-dasharray" in outline.attrib for outline in outlines) == 10 + 1  # a legend


def test_the_picture_shows_seats_where_the_faces_are(tmp_path):
    path = tmp_path / "seats.png"
    write_drawing(path, "Room", [found(SEATS[:1])])
    image = cv2.imread(str(path)).astype(int)
    orange = (image[..., 2] - image[..., 0]) > 60
    rows, columns = np.nonzero(orange[200:])
    middle = (rows.mean() + 200) / 2, columns.mean() / 2
    assert middle == pytest.approx((34 + 34 + 0.5 * 360, 24 + 0.1 * 640), abs=3)


def test_another_kind_of_file_is_refused_by_name(tmp_path):
    with pytest.raises(SettingsError, match=r"seats.pdf: a drawing is written as .svg or .png"):
        write_drawing(tmp_path / "seats.pdf", "Room", [found()])


@pytest.mark.parametrize("words", [(), ("show",), ("confirm",)])
def test_the_word_show_may_be_left_out(words, tmp_path):
    result = CliRunner().invoke(seats_app, [*words, str(tmp_path / "none.yaml"), "room-1"])
    assert isinstance(result.exception, SiteFileError)
