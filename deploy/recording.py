"""What `--run` and `--room` of a service say: one recording instead of what is live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.errors import SettingsError
from schemas.site import Site


@dataclass(frozen=True)
class Recording:
    """A run of `facepose replay`, or what is live.

    Attributes:
        run_id: empty: live.
        room: slug; None: all rooms.
    """

    run_id: str = ""
    room: str | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The same as arguments of `facepose worker` and `facepose aggregator`."""
        if not self.run_id:
            return ()
        return ("--run", self.run_id, *(("--room", self.room) if self.room else ()))


LIVE: Final = Recording()


def recording_of(site: Site, run_id: str, room: str | None) -> Recording:
    """The recording that a service is asked for.

    Raises:
        SettingsError: a run without its room, or a room that the site does not have.
    """
    if not run_id and room is None:
        return LIVE
    if not run_id or room is None or site.room(room) is None:
        known = ", ".join(one.id for one in site.rooms[:20])
        raise SettingsError(f"--run needs the run's --room, and --room a --run; rooms: {known}")
    return Recording(run_id, room)
