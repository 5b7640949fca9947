"""Following against detection at every frame, on real people and on a simulated class."""

import numpy as np
import pytest

from deploy.simulator.scene import small_room
from deploy.simulator.script import FPS, write_lesson
from deploy.simulator.stage import Stage
from schemas.analysis import ModelChoices
from tests.film_following import watch
from tests.simulator_gallery import overlap
from workers.analyzer import FaceAnalyzer
from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.stages import View

pytestmark = pytest.mark.usefixtures("weights")
ANGLES = ("yaw_deg", "pitch_deg", "roll_deg")


def test_a_woman_who_moves_and_grimaces_is_followed_through_her_film(real_data):
    seen = watch(real_data("videos_mit_pyfeat/pyfeat_WolfgangLanger_Pexels.mp4"), 5.0, 30)
    assert seen.detected >= 25
    assert seen.recall == 1.0
    assert seen.looks <= seen.frames / 2
    assert np.median(seen.turned_deg) <= 1.5


def test_small_faces_of_a_real_class_are_not_lost(real_data):
    seen = watch(real_data("videos_ccby_intel/intel_classroom.gif"), 5.0, 15)
    assert seen.recall >= 0.98
    assert seen.extra <= seen.detected * 0.02


@pytest.mark.slow
def test_recall_and_pose_of_a_simulated_class_do_not_fall():
    """40 frames at 5 a second; the truth is what was drawn."""
    detected, followed = (_errors(follow=follow) for follow in (False, True))
    assert len(detected) >= 100
    assert len(followed) >= 0.98 * len(detected)
    assert (np.mean(followed, axis=0) <= np.mean(detected, axis=0) + 0.3).all()


def _errors(*, follow: bool) -> list[np.ndarray]:
    """Errors of yaw, pitch and roll [deg] of all faces found."""
    room = small_room()
    stage = Stage(load_canonical_mesh(), room, room.cameras[0], write_lesson(room, 1, 3))
    analyzer = FaceAnalyzer.load(
        "cpu", models=ModelChoices(follow=follow), expression=False, threads=1
    )
    errors = []
    for index in range(40):
        picture, truth = stage.draw(index * 2, FPS)
        faces = analyzer.analyze([picture], [View("room-s-1", index / 5)])[0]
        for seat in np.flatnonzero(truth.present & ~truth.do_not_score):
            box = truth.box_xyxy[seat]
            face = next((f for f in faces if overlap(box, np.array(f.box_xyxy)) > 0.3), None)
            if face is not None and face.yaw_deg is not None:
                measured = np.array([getattr(face, name) for name in ANGLES])
                errors.append(np.abs(measured - truth.seen_deg[seat]))
    return errors
