"""How a track wins a place and loses it: the rules that drawn seats and found places share.

SCORE §5: a track that stays locks its place after 30 s; a face that is lost inside its region
stays expected; 20 s outside unlock. All steps are one second, by the room's event time.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

LOCK_S: Final = 30
UNLOCK_S: Final = 20
SWAP_AWAY_S: Final = 60  # who is away for longer is believed to come back to the own seat
MIN_SEEN_SHARE: Final = 0.6
NO_TRACK: Final = -1  # an owner whose track cannot be told from another's any more


class Sight(IntEnum):
    """What one camera knows about one place in one second."""

    FREE = 0  # nobody holds it
    SEEN = 1  # its student is seen in it
    LOST = 2  # its student was not seen to leave: expected
    OUT = 3  # its student was seen to leave, not long ago


class Claim(msgspec.Struct):
    """Who holds a place in one camera, or is about to."""

    owner: int = 0  # track id, 0: nobody
    since: int = 0  # first second of this claim
    seen_s: int = 0  # seconds of it in which the owner was seen inside
    last_seen: int = 0
    locked: bool = False
    out_since: int = 0  # first second in which the owner was seen outside; 0: it was not
    sight: int = int(Sight.FREE)
    strayed: bool = False  # the owner's face was outside, clearly, when it was seen last
    origin: str = ""  # seat whose student the owner is known to be; "": this one's

    def clear(self) -> None:
        """Nobody holds the place any more."""
        self.owner = self.since = self.seen_s = self.last_seen = self.out_since = 0
        self.locked = self.strayed = False
        self.sight = int(Sight.FREE)
        self.origin = ""

    def start(self, owner: int, since: int, seen_s: int) -> None:
        """A new track begins to hold the place."""
        self.clear()
        self.owner, self.since, self.seen_s = owner, since, seen_s

    def see(self, second: int, owner: int) -> None:
        """The owner (perhaps under a new track id) is seen inside in this second."""
        self.owner = owner
        self.seen_s += 1
        self.last_seen = second
        self.out_since = 0
        if self.locked:
            self.sight = int(Sight.SEEN)

    def leave(self, second: int) -> None:
        """The owner was seen outside: gone at once, for good after a while."""
        self.out_since = self.out_since or second
        self.sight = int(Sight.OUT)

    def miss(self) -> None:
        """The owner is not seen in this second."""
        if self.locked:
            self.sight = int(Sight.OUT if self.out_since else Sight.LOST)

    def is_ripe(self, second: int) -> bool:
        """Whether the claim is old and sure enough to lock."""
        age_s = second + 1 - self.since
        return not self.locked and age_s >= LOCK_S and self.seen_s >= MIN_SEEN_SHARE * age_s

    def lock(self) -> None:
        """From this second on the owner counts as present."""
        self.locked = True
        self.sight = int(Sight.SEEN)
