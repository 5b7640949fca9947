"""Which cameras share a process, as cameras come and go and groups die."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.groups.grouping import Grouping, groups_for, most_groups


@pytest.mark.parametrize(
    ("cameras", "cores", "wanted", "groups"),
    [
        (0, 2, 0, 1),
        (1, 2, 0, 1),
        (4, 2, 0, 1),
        (5, 2, 0, 2),
        (200, 2, 0, 4),  # at most two for each core
        (200, 32, 0, 50),
        (10, 2, 7, 7),
        (3, 2, 7, 3),  # no process without a camera
    ],
)
def test_the_number_of_processes_follows_cameras_and_cores(
    cameras: int, cores: int, wanted: int, groups: int
) -> None:
    assert groups_for(cameras, cores, wanted) == groups


def test_cameras_are_spread_evenly() -> None:
    grouping = Grouping()
    grouping.arrange([f"c{n}" for n in range(10)], 3)

    assert sorted(len(cameras) for cameras in grouping.groups.values()) == [3, 3, 4]


def test_a_newcomer_joins_the_smallest_group_and_moves_nobody() -> None:
    grouping = Grouping()
    grouping.arrange("abcdef", 2)
    grouping.arrange("abdef", 2)  # c leaves the group of a
    before = {number: list(cameras) for number, cameras in grouping.groups.items()}
    grouping.arrange("gabdef", 2)

    assert grouping.groups == {0: [*before[0], "g"], 1: before[1]}


@given(st.lists(st.sets(st.sampled_from("abcdefghij")), max_size=8), st.integers(1, 4))
def test_every_camera_is_in_one_group_and_stays_there_while_it_is_wanted(
    wishes: list[set[str]], groups: int
) -> None:
    grouping = Grouping()
    home: dict[str, int] = {}
    for wanted in wishes:
        grouping.arrange(sorted(wanted), groups)
        now = {c: number for number, cameras in grouping.groups.items() for c in cameras}
        assert set(now) == wanted
        assert sum(len(cameras) for cameras in grouping.groups.values()) == len(wanted)
        assert all(now[c] == home[c] for c in now if c in home)
        assert len(grouping.groups) <= groups
        home = now


def test_a_camera_that_hung_is_set_apart_from_the_others() -> None:
    grouping = Grouping()
    grouping.arrange("abcd", 1)

    assert grouping.split(0, culprits={"c"}) == 1
    assert grouping.groups == {0: ["a", "b", "d"], 1: ["c"]}


def test_a_group_that_dies_for_an_unknown_reason_is_halved_until_one_camera_is_left() -> None:
    grouping = Grouping()
    grouping.arrange("abcde", 1)
    number: int | None = 0
    deaths = 0
    while len(grouping.groups[0]) > 1:  # "a" is the killer
        number = grouping.split(0)
        deaths += 1

    assert grouping.groups[0] == ["a"]
    assert deaths == 3
    assert number is not None
    assert grouping.split(0) is None
    assert sorted(c for cameras in grouping.groups.values() for c in cameras) == list("abcde")


def test_no_newcomer_joins_a_group_that_died_lately() -> None:
    grouping = Grouping()
    grouping.arrange("abc", 2)  # 0: a, c; 1: b
    grouping.arrange("abcd", 2, suspects={1})
    assert grouping.groups == {0: ["a", "c", "d"], 1: ["b"]}

    grouping.arrange("abcde", 2, suspects={0, 1})
    assert grouping.groups[2] == ["e"]


def test_even_when_every_group_dies_their_number_is_bounded() -> None:
    grouping = Grouping()
    cameras = [f"c{n}" for n in range(50)]
    for upto in range(1, 51):
        grouping.arrange(cameras[:upto], 2, suspects=set(grouping.groups))

    assert len(grouping.groups) == most_groups(2) == 6
