"""The network between a simulated camera and its client."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """What the network does to pictures and packets.

    Attributes:
        jitter_s: each picture is sent late by 0 to so much; the order is kept.
        loss: share of packets that get lost, 0..1; only over UDP.
        seed: of both.
    """

    jitter_s: float = 0.0
    loss: float = 0.0
    seed: int = 0

    def delays(self) -> Callable[[], float]:
        """Makes the delays [s] of one connection's pictures, one a call."""
        rng = random.Random(self.seed)  # noqa: S311  a seeded network, no secret
        return lambda: rng.uniform(0.0, self.jitter_s)
