"""How long to wait before a camera or server is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

SLOWLY_S: Final = 30.0


@dataclass
class Backoff:
    """Waits that double up to a cap, each shortened by jitter so that readers do not march in step.

    Attributes:
        first_s: the first wait is at most this.
        cap_s: no wait is longer.
        good_s: after a connection that held this long the next wait is a first one again.
    """

    rng: random.Random
    first_s: float = 1.0
    cap_s: float = SLOWLY_S
    good_s: float = 30.0
    _failures: int = field(default=0, init=False)

    def next_wait_s(self, held_s: float = 0.0, *, slowly: bool = False) -> float:
        """The wait after a connection that held `held_s`; `slowly` waits the cap at once."""
        if held_s >= self.good_s:
            self._failures = 0
        longest_s = min(self.cap_s, self.first_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        if slowly:
            longest_s = self.cap_s
        return longest_s * self.rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """The next wait is a first one."""
        self._failures = 0
