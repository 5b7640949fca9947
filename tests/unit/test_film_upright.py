"""Films that were held otherwise: the eight ways in which a display matrix lays a picture."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.film.film_reader import FilmFrame, FilmReader
from deploy.film.upright import AS_STORED, Turn, turn_of_frame, turn_of_matrix
from tests.made_films import corner_colours, make_film

ONE = 1 << 16
MATRICES = [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)] + [
    (0, b, c, 0) for b in (1, -1) for c in (1, -1)
]
"""a, b, c, d of the eight signed permutations."""


def matrix_of(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    return (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)


@given(st.sampled_from(MATRICES), st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31))
def test_every_stored_point_is_shown_where_the_matrix_puts_it(entries, width, height, seed):
    a, b, c, d = entries
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    shown = turn_of_matrix(matrix_of(a, b, c, d)).apply(image)
    y, x = np.mgrid[:height, :width]
    to_x, to_y = a * x + c * y, b * x + d * y
    expected = np.zeros_like(shown)
    expected[to_y - to_y.min(), to_x - to_x.min()] = image
    assert shown.flags.c_contiguous
    assert (shown == expected).all()


def test_an_oblique_matrix_is_taken_as_the_nearest_quarter_turn():
    cosine, sine = round(0.94 * ONE), round(0.34 * ONE)  # 20 degrees
    assert turn_of_matrix((cosine, -sine, 0, sine, cosine, 0, 0, 0, 1)) == AS_STORED
    # 70 degrees
    assert turn_of_matrix((sine, -cosine, 0, cosine, sine, 0, 0, 0, 1)) == Turn(
        transposed=True, mirrored_y=True
    )


def test_a_frame_without_a_matrix_lies_as_it_is_stored():
    assert turn_of_frame(av.VideoFrame(4, 4, "rgb24")) == AS_STORED


@pytest.mark.parametrize(
    ("turn", "corners"),
    [
        ((0, False, False), ["red", "green", "blue", "grey"]),
        ((90, False, False), ["green", "grey", "red", "blue"]),
        ((-90, False, False), ["blue", "red", "grey", "green"]),
        ((180, False, False), ["grey", "blue", "green", "red"]),
        ((0, True, False), ["green", "red", "grey", "blue"]),
        ((0, False, True), ["blue", "grey", "red", "green"]),
    ],
)
@pytest.mark.parametrize("name", ["phone.mp4", "phone.mov", "phone.mkv", "phone.webm"])
def test_a_film_from_a_turned_phone_comes_upright(tmp_path, name, turn, corners):
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    path = make_film(tmp_path / name, size=(96, 64), times=range(2), turn=turn, codec=codec)
    with FilmReader(path) as reader:
        frames = [part for part in reader.parts() if isinstance(part, FilmFrame)]
    sizes = {frame.image.shape for frame in frames}
    assert sizes == {(96, 64, 3) if abs(turn[0]) == 90 else (64, 96, 3)}
    assert corner_colours(frames[0].image) == corners
