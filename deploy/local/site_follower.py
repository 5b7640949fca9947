"""Brings a changed site file into a running stack: its tables, its memory, its live table."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
import structlog

from deploy.local.live_view import LiveView
from deploy.local.stack import Stack
from schemas.database import DatabaseUnavailableError
from schemas.site import Site
from schemas.site_watch import SiteWatch
from schemas.sync import SyncError, sync_site
from schemas.transport import TransportError

_log = structlog.get_logger(__name__)


class SiteFollower:
    """Watches the site file of a stack; the services follow it by themselves.

    Args:
        stack: running.
        engine: of its database.
        view: its live table.
    """

    def __init__(self, stack: Stack, engine: sa.Engine, view: LiveView) -> None:
        self._stack = stack
        self._engine = engine
        self._view = view
        self._watch = SiteWatch(stack.site_path, stack.site)
        self._waiting: Site | None = None  # until the servers are back

    def look(self) -> None:
        """Take over what has changed; call it about every second."""
        self._waiting = self._watch.poll() or self._waiting
        if self._waiting is None:
            return
        try:
            self._take_over(self._waiting)
        except (sa.exc.OperationalError, DatabaseUnavailableError, TransportError):
            return  # a server is away: the next look tries again
        except SyncError as exc:
            _log.warning(
                "The changed site file cannot be taken over; what it said before stays in force.",
                action="site_not_synced",
                reason=str(exc),
            )
        self._waiting = None

    def _take_over(self, site: Site) -> None:
        report = sync_site(self._engine, site, at=dt.datetime.now(dt.UTC))
        self._stack.follow(site)
        self._view.follow(site)
        _log.info(
            "The changed site file is in the tables.",
            action="site_synced",
            changes=report.text().splitlines()[-1],
        )
