"""Small simulated rooms, rendered once and kept in the cache as the demo's are."""

from __future__ import annotations

from functools import cache

from deploy.simulator.film import Simulation, build
from deploy.simulator.scene import Room, build_room
from workers.weights import cache_folder

SEED = 11


@cache
def two_rooms() -> Simulation:
    """A class of twelve, and a row of three that two cameras see; one minute."""
    return _rendered(
        1.0,
        build_room(
            "twelve", "Twelve seats (simulated)", rows=3, columns=4,
            camera_offsets_m=(0.4,), width=1120, height=630,
        ),
        build_room(
            "three", "Three seats (simulated)", rows=1, columns=3,
            camera_offsets_m=(-0.6, 0.6), width=640, height=360,
        ),
    )  # fmt: skip


@cache
def one_row(minutes: float) -> Simulation:
    """Four students before one small camera, for as long as a test needs them."""
    return _rendered(
        minutes,
        build_room(
            "row", "Four seats (simulated)", rows=1, columns=4,
            camera_offsets_m=(0.3,), width=640, height=360,
        ),
    )  # fmt: skip


def _rendered(minutes: float, *rooms: Room) -> Simulation:
    return build(minutes, SEED, cache_folder() / "simulations", rooms=rooms)
