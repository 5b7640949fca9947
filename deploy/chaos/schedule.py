"""Who is killed and when: all of it follows from the seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Target(StrEnum):
    """What a kill hits."""

    INGEST = "ingest"
    WORKER = "worker"
    AGGREGATOR = "aggregator"
    FRAMES = "frames server"
    FACES = "faces server"
    POSTGRES = "PostgreSQL"
    PUBLISHED = "worker between publish and ack"
    COMMIT = "aggregator during a commit"


# Of 200 kills: at least 25 of each process and server, at least 20 of each aimed one.
_SHARES: Final = {
    Target.INGEST: 26,
    Target.WORKER: 26,
    Target.AGGREGATOR: 26,
    Target.FRAMES: 26,
    Target.FACES: 26,
    Target.POSTGRES: 26,
    Target.PUBLISHED: 22,
    Target.COMMIT: 22,
}
_OF: Final = sum(_SHARES.values())


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill.

    Attributes:
        target: what is hit.
        pause_s: since the kill before.
        choice: 0 ≤ choice < 1, picks one of several processes or ways.
    """

    target: Target
    pause_s: float
    choice: float

    def pick(self, count: int) -> int:
        """Which of `count` things."""
        return int(self.choice * count)


def kill_schedule(kills: int, seed: int, pace_s: float) -> list[Kill]:
    """`kills` kills in an order by chance, on average `pace_s` apart.

    Args:
        kills: how many.
        seed: same seed, same schedule.
        pace_s: mean pause; each is between half and one and a half of it.
    """
    chance = random.Random(seed)  # noqa: S311  a test's order, no secret
    targets = [target for target, count in quotas(kills).items() for _ in range(count)]
    chance.shuffle(targets)
    return [Kill(target, pace_s * chance.uniform(0.5, 1.5), chance.random()) for target in targets]


def quotas(kills: int) -> dict[Target, int]:
    """How many kills each target gets: its share, rounded by largest remainders."""
    exact = {target: kills * share / _OF for target, share in _SHARES.items()}
    counts = {target: int(value) for target, value in exact.items()}
    missing = kills - sum(counts.values())
    by_remainder = sorted(exact, key=lambda target: counts[target] - exact[target])
    for target in by_remainder[:missing]:
        counts[target] += 1
    return counts
