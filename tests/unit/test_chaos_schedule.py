"""Which process is killed when: from the seed alone, and nobody is left out."""

from collections import Counter

import pytest

from deploy.chaos.schedule import Target, kill_schedule, quotas

LONG = 200


def test_two_hundred_kills_hit_everything_as_often_as_promised():
    counts = quotas(LONG)
    aimed = {Target.PUBLISHED, Target.COMMIT}
    assert sum(counts.values()) == LONG
    assert all(counts[target] >= 20 for target in aimed)
    assert all(counts[target] >= 25 for target in Target if target not in aimed)


@pytest.mark.parametrize("kills", [1, 7, 16, 33, 200, 1001])
def test_a_schedule_follows_from_its_seed_and_leaves_nothing_out(kills):
    schedule = kill_schedule(kills, 3, 5.0)
    assert schedule == kill_schedule(kills, 3, 5.0)
    assert Counter(kill.target for kill in schedule) == Counter(
        {target: count for target, count in quotas(kills).items() if count}
    )
    assert all(2.5 <= kill.pause_s <= 7.5 and kill.pick(2) in {0, 1} for kill in schedule)
    if kills > 16:
        assert schedule != kill_schedule(kills, 4, 5.0)
        assert len({kill.target for kill in schedule}) == len(Target)
