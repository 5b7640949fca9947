"""Numbers of the reference tables by slug: rooms, cameras, classes and seats of one site."""

from __future__ import annotations

from sqlalchemy import Connection, Table, select

from aggregator.errors import UnknownPlaceError
from schemas import tables


class Places:
    """Numbers of the reference tables by slug; read anew when a slug is not known."""

    def __init__(self, site: str) -> None:
        self._site = site
        self.site_id = 0
        self._rooms: dict[str, int] = {}
        self._cameras: dict[str, int] = {}
        self._classes: dict[str, int] = {}
        self._seats: dict[tuple[int, str], int] = {}

    def load(self, connection: Connection) -> None:
        """Read the reference tables.

        Raises:
            UnknownPlaceError: the site was never synced.
        """
        site = connection.execute(
            select(tables.sites.c.site_id).where(tables.sites.c.slug == self._site)
        ).scalar_one_or_none()
        if site is None:
            raise UnknownPlaceError(
                f"the database does not know site {self._site!r} yet; run `facepose db sync`"
            )
        self.site_id = site
        self._rooms = _numbers(connection, tables.rooms, "room_id", site)
        self._cameras = _numbers(connection, tables.cameras, "camera_id", site)
        self._classes = _numbers(connection, tables.classes, "class_id", site)
        columns = tables.seats.c
        rows = connection.execute(
            select(columns.room_id, columns.label, columns.seat_id).where(
                columns.room_id.in_(list(self._rooms.values()))
            )
        )
        self._seats = {(room_id, label): seat_id for room_id, label, seat_id in rows}

    def room(self, slug: str) -> int:
        """Number of a room. Raises: UnknownPlaceError."""
        return _known(self._rooms, slug, "room")

    def camera(self, slug: str) -> int:
        """Number of a camera. Raises: UnknownPlaceError."""
        return _known(self._cameras, slug, "camera")

    def class_id(self, slug: str) -> int | None:
        """Number of a class, if the timetable named one that is known."""
        return self._classes.get(slug)

    def seat(self, room: str, label: str) -> int | None:
        """Number of a seat, if it is a drawn one or a proposed one that has been stored."""
        return self._seats.get((self.room(room), label))


def _numbers(connection: Connection, table: Table, key: str, site_id: int) -> dict[str, int]:
    query = select(table.c.slug, table.c[key]).where(table.c.site_id == site_id)
    return {str(slug): int(number) for slug, number in connection.execute(query)}


def _known(numbers: dict[str, int], slug: str, what: str) -> int:
    try:
        return numbers[slug]
    except KeyError:
        raise UnknownPlaceError(
            f"the database does not know {what} {slug!r} yet; run `facepose db sync`"
        ) from None
