"""Pose from flat points: the seed's straight lines and PnP, on exactly projected average faces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.geometry.head_pose import head_poses, rotation_from_angles
from workers.geometry.wflw import EYES_98, FIVE_98, TO_68, model_points_98, wflw_of_mesh
from workers.poses import pfld_linear, pnp
from workers.poses.pfld_linear import linear_angles
from workers.poses.pnp import pnp_estimator, pnp_poses
from workers.stages import Found, Landmarks

pytestmark = pytest.mark.usefixtures("weights")

WIDTH, HEIGHT = 1280, 720
CENTRE = np.array([[WIDTH / 2, HEIGHT / 2]])
FRONTAL_SIDE = 180.0  # the detector's box about a frontal face of the size that `flat` draws

MIRRORED = {33: 46, 34: 45, 37: 42, 38: 50, 41: 47, 55: 59, 60: 72, 61: 71, 64: 68, 65: 75}
MIRRORED |= {76: 82, 87: 83, 88: 92, 95: 93, 96: 97, 0: 32, 5: 27}


def flat(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The 98 points from afar, y down."""
    turned = model_points_98() @ rotation_from_angles(yaw, pitch, roll).T
    return (turned[:, :2] * (10, -10) + (640, 360))[None]


def through_a_camera(points, place, turn, focal) -> np.ndarray:
    """Where points (L, 3) [cm] of a head at `place` are seen; `turn` is against the sight line."""
    place = np.asarray(place, np.float64)
    seen = points @ (pnp._line_of_sight(place) @ turn).T + place
    return seen[:, :2] / -seen[:, 2:] * (focal, -focal) + CENTRE


def linear(yaw: float, pitch: float, roll: float) -> tuple[float, float, float]:
    found = linear_angles(flat(yaw, pitch, roll), np.array([FRONTAL_SIDE]))
    return found.yaw_deg[0], found.pitch_deg[0], found.roll_deg[0]


def test_the_model_has_98_points_and_is_its_own_mirror_image():
    model = model_points_98()
    assert model.shape == (98, 3)
    for left, right in MIRRORED.items():
        assert model[left] * (-1, 1, 1) == pytest.approx(model[right], abs=0.01)


def test_wflw_points_lie_in_their_order_on_the_face():
    model = model_points_98()
    root, tip, base, chin = model[[51, 54, 57, 16]]
    assert root[1] > tip[1] > base[1] > chin[1]
    assert tip[2] == model[:, 2].max()
    assert (np.diff(model[:33, 0]) > 0).all()
    for eye in EYES_98:
        corner, upper, _, other, _, lower = model[eye]
        assert corner[0] < upper[0] < other[0]
        assert upper[1] > lower[1]


def test_the_68_points_leave_out_every_second_jaw_point_lower_brows_and_pupils():
    assert len(TO_68) == len(set(TO_68.tolist())) == 68
    assert TO_68[[0, 8, 16, 17, 30, 36, 45, 48, 67]].tolist() == [0, 16, 32, 33, 54, 60, 72, 76, 95]


def test_the_five_points_are_eyes_nose_and_mouth_from_left_to_right():
    left_eye, right_eye, nose, left_mouth, right_mouth = model_points_98()[FIVE_98]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert left_eye[1] > nose[1] > left_mouth[1]


@pytest.mark.parametrize(("axis", "turned"), [(0, (20, 0, 0)), (1, (0, 20, 0)), (2, (0, 0, 20))])
def test_the_seeds_formula_has_the_projects_signs(axis, turned):
    assert linear(*turned)[axis] > 10
    assert linear(*(-angle for angle in turned))[axis] < -10


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_seeds_formula_grows_with_the_angle(axis):
    turns = np.arange(-60, 61, 5)
    found = [linear(*(float(turn) * (np.arange(3) == axis)))[axis] for turn in turns]
    assert (np.diff(found) > 0).all()


def test_the_seeds_formula_is_the_one_that_was_published():
    points = np.zeros((1, 98, 2))
    points[0, [1, 31, 51, 60, 72]] = [(10, 50), (110, 50), (40, 38), (30, 40), (80, 40)]
    found = linear_angles(points, np.array([112.0]))
    # Half of the jaw's line is 50, the nose's foot stands 30 along it and 12 below the nose.
    assert found.yaw_deg[0] == pytest.approx(-((50 - 30) / 50 * 71.58 + 0.7037))
    assert found.pitch_deg[0] == pytest.approx(-(1.497 * -12 + 18.97))
    assert found.roll_deg[0] == 0


def test_the_seeds_formula_counts_in_pixels_of_a_112_px_crop():
    small, large = flat(10, 15, 5), flat(10, 15, 5) * 3
    one = linear_angles(small, np.array([FRONTAL_SIDE]))
    other = linear_angles(large, np.array([FRONTAL_SIDE * 3]))
    assert one.pitch_deg == pytest.approx(other.pitch_deg)
    assert one.yaw_deg == pytest.approx(other.yaw_deg)


@given(roll=st.floats(-80, 80), yaw=st.floats(-40, 40))
def test_the_seeds_yaw_does_not_see_the_roll(roll, yaw):
    turned = flat(yaw, 0, 0) @ rotation_from_angles(0, 0, roll)[:2, :2]
    straight = linear_angles(flat(yaw, 0, 0), np.array([FRONTAL_SIDE]))
    assert linear_angles(turned, np.array([FRONTAL_SIDE])).yaw_deg == pytest.approx(
        straight.yaw_deg, abs=1e-6
    )


def test_points_in_one_place_have_no_pose():
    same = np.full((2, 98, 2), 7.0)
    same[0] = np.nan
    for found in (
        linear_angles(same, np.ones(2)),
        pnp_poses(same, np.ones(2) * WIDTH, np.tile(CENTRE, (2, 1))),
    ):
        assert np.isnan([found.yaw_deg, found.pitch_deg, found.roll_deg]).all()


turn = st.floats(-70, 70)
aside = st.floats(-0.5, 0.5)


@given(
    yaw=turn, pitch=turn, roll=turn, x=aside, y=aside, cm=st.floats(40, 900), zoom=st.floats(0.5, 3)
)
def test_pnp_gives_back_the_pose_of_exactly_projected_points(yaw, pitch, roll, x, y, cm, zoom):
    place, focal = np.array([x, y, -1.0]) * cm, WIDTH * zoom
    seen = through_a_camera(model_points_98(), place, rotation_from_angles(yaw, pitch, roll), focal)
    found = pnp_poses(seen[None], np.array([focal]), CENTRE)
    assert (found.yaw_deg[0], found.pitch_deg[0], found.roll_deg[0]) == pytest.approx(
        (yaw, pitch, roll), abs=0.1
    )


@given(x=aside, y=aside)
def test_a_head_that_faces_the_camera_has_no_angle_wherever_it_is(x, y):
    place = np.array([x, y, -1.0]) * 300
    facing = pnp._line_of_sight(place)
    assert facing @ (0, 0, 1) == pytest.approx(-place / np.linalg.norm(place))
    assert (facing @ (1, 0, 0))[1] == 0  # no roll: its eyes are level
    seen = through_a_camera(model_points_98(), place, np.eye(3), WIDTH)
    found = pnp_poses(seen[None], np.array([float(WIDTH)]), CENTRE)
    angles = (found.yaw_deg[0], found.pitch_deg[0], found.roll_deg[0])
    assert angles == pytest.approx((0, 0, 0), abs=0.1)


@pytest.mark.parametrize("y", [-0.2, 0.2])
@pytest.mark.parametrize("x", [-0.4, 0.0, 0.4])
@pytest.mark.parametrize("yaw", [-25, 0, 25])
def test_pnp_and_procrustes_mean_the_same_angle_at_the_pictures_edge(x, y, yaw):
    mesh, place = load_canonical_mesh(), np.array([x, y, -1.0]) * 400
    rotation = rotation_from_angles(yaw, 10, 0)
    seen = through_a_camera(mesh.vertices, place, rotation, WIDTH)
    # As the landmark network tells depth: away from the camera, in pixels, from the face.
    depth = -(mesh.vertices @ rotation.T)[:, 2:] * WIDTH / np.linalg.norm(place)
    points = np.concatenate((seen, depth), axis=1)[None].astype(np.float32)
    by_mesh = head_poses(points, mesh)
    by_pnp = pnp_poses(wflw_of_mesh(seen)[None], np.array([float(WIDTH)]), CENTRE)
    # Against the camera's axis it would be 22 degrees off; the rest is what a flat picture
    # stretches at its edge, of which procrustes knows nothing.
    assert by_pnp.yaw_deg[0] == pytest.approx(by_mesh.yaw_deg[0], abs=3)
    assert by_pnp.pitch_deg[0] == pytest.approx(by_mesh.pitch_deg[0], abs=2)


def test_a_pixel_of_noise_on_a_face_of_64_px_costs_pnp_a_few_degrees():
    rng = np.random.default_rng(3)
    place = np.array([0, 0, -WIDTH * 17.7 / 64])
    seen = through_a_camera(model_points_98(), place, rotation_from_angles(20, -10, 5), WIDTH)
    noisy = seen + rng.normal(0, 1, (200, 98, 2))
    found = pnp_poses(noisy, np.full(200, float(WIDTH)), np.tile(CENTRE, (200, 1)))
    assert np.median(np.abs(found.yaw_deg - 20)) < 6
    assert np.median(np.abs(found.roll_deg - 5)) < 3


def found_in(image: np.ndarray, points: np.ndarray) -> Found:
    """One face with these landmarks (L, 2)."""
    xyz = np.concatenate((points, np.zeros((len(points), 1))), axis=1)[None].astype(np.float32)
    low, high = points.min(axis=0), points.max(axis=0)
    return Found(
        images=[image],
        image_index=np.array([0]),
        boxes_xyxy=np.concatenate((low, high))[None].astype(np.float32),
        points_xy=np.zeros((1, 5, 2), np.float32),
        confidence=np.ones(1, np.float32),
        landmarks=Landmarks(xyz, presence=None),
        crops=np.zeros((1, 8, 8, 3), np.uint8),
    )


def no_networks(spec):
    raise AssertionError(f"{spec.name} was loaded")


@pytest.mark.parametrize("method", [pfld_linear.POSE, pnp.POSE], ids=lambda method: method.name)
def test_98_points_and_478_points_give_the_same_answer(method):
    mesh = load_canonical_mesh().vertices
    turn = rotation_from_angles(25, -10, 5)
    seen = through_a_camera(mesh, (20, 10, -300), turn, WIDTH)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    of_478 = found_in(image, np.concatenate((seen, seen[:10])))
    of_98 = found_in(image, wflw_of_mesh(seen))
    of_98.boxes_xyxy[:] = of_478.boxes_xyxy
    estimate = method.build(no_networks)
    assert set(method.landmarks) == {"pfld98", "mediapipe478"}
    one, other = estimate(of_478), estimate(of_98)
    assert one.yaw_deg[0] > 10
    assert one.pitch_deg[0] < -4
    for name in ("yaw_deg", "pitch_deg", "roll_deg"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=0.01)


def test_a_known_focal_length_is_used():
    focal = 0.6 * WIDTH
    seen = through_a_camera(model_points_98(), (0, 0, -60), rotation_from_angles(25, 0, 0), focal)
    found = found_in(np.zeros((HEIGHT, WIDTH, 3), np.uint8), seen)
    assert pnp_estimator(focal)(found).yaw_deg[0] == pytest.approx(25, abs=0.1)
    assert abs(pnp_estimator()(found).yaw_deg[0] - 25) > 1


@pytest.mark.parametrize("method", [pfld_linear.POSE, pnp.POSE], ids=lambda method: method.name)
def test_no_faces_have_no_poses(method):
    none = np.zeros(0, np.intp)
    faces = found_in(np.zeros((HEIGHT, WIDTH, 3), np.uint8), flat(0, 0, 0)[0])[none]
    assert method.build(no_networks)(faces).yaw_deg.shape == (0,)
