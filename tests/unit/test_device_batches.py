"""Which pictures go through the networks together."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.analysis import DetectionPlan
from workers.device.batches import batches_of, split_again

PLAIN = DetectionPlan()
SIZES = st.sampled_from([(720, 1280), (1080, 1920), (480, 640)])


def areas(batches) -> list[int]:
    return [len(batch.places) * batch.height * batch.width for batch in batches]


@given(st.lists(SIZES, max_size=60), st.integers(1, 20_000_000))
def test_every_picture_is_in_exactly_one_batch_of_its_size(sizes, pixels):
    batches = batches_of(sizes, [PLAIN] * len(sizes), pixels)
    assert sorted(place for batch in batches for place in batch.places) == list(range(len(sizes)))
    for batch in batches:
        assert {sizes[place] for place in batch.places} == {(batch.height, batch.width)}


@given(st.lists(SIZES, max_size=60), st.integers(1, 20_000_000))
def test_batches_have_few_lengths_and_fit_unless_they_are_one_picture(sizes, pixels):
    for batch, area in zip(
        batches := batches_of(sizes, [PLAIN] * len(sizes), pixels), areas(batches), strict=True
    ):
        assert len(batch.places).bit_count() == 1
        assert area <= pixels or len(batch.places) == 1


@given(st.lists(SIZES, min_size=1, max_size=40), st.integers(1, 20_000_000))
def test_splitting_again_loses_no_picture_and_makes_them_fit(sizes, pixels):
    batches = batches_of(sizes, [PLAIN] * len(sizes), 40_000_000)
    smaller = split_again(batches, pixels)
    assert [place for batch in smaller for place in batch.places] == [
        place for batch in batches for place in batch.places
    ]
    for batch, area in zip(smaller, areas(smaller), strict=True):
        assert area <= pixels or len(batch.places) == 1


def test_pictures_with_different_plans_are_not_mixed():
    close = DetectionPlan(long_side_px=1920)
    batches = batches_of([(720, 1280)] * 4, [PLAIN, close, PLAIN, close], 10_000_000)
    assert [batch.places for batch in batches] == [(0, 2), (1, 3)]
