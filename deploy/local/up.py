"""`facepose up`: the whole pipeline on one machine, for as long as the user wants."""

from __future__ import annotations

import datetime as dt
import shlex
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from rich.console import Console
from rich.live import Live

from deploy.local.live_view import LiveView
from deploy.local.site_follower import SiteFollower
from deploy.local.stack import Servers, Stack, running_servers, state_folder
from deploy.local.supervisor import Supervisor
from deploy.worker_command import chosen_devices
from schemas.database import create_engine, upgrade
from schemas.redaction import redact_url
from schemas.settings import Settings, plain_database_url
from schemas.site import Site
from schemas.sync import sync_site
from workers import choices, weights
from workers.user_weights import USER_FILES

REFRESH_S: Final = 1.0
FIRST_PLAIN_S: Final = 10.0
PLAIN_EVERY_S: Final = 60.0
LAST_WINDOWS_S: Final = 25.0

RUNNING: Final = sa.text(
    """
    SELECT 1 FROM meetings m JOIN sites t USING (site_id)
    WHERE t.slug = :site AND m.status = 'running' AND m.planned IS NULL
      AND NOT starts_with(m.source_key, 'film:') LIMIT 1
    """
)


def run_up(
    site_path: Path,
    site: Site,
    settings: Settings,
    workers: int | None,
    console: Console,
    stop: threading.Event,
) -> None:
    """Start servers and services, show the live table, stop all of it on Ctrl-C or SIGTERM.

    Raises:
        FacePoseError: something needed for the start cannot be had; its text says what to do.
    """
    pull_needed_weights(site, console)
    folder = state_folder(site_path, settings)
    with running_servers(folder, settings, sum(1 for _ in site.cameras())) as servers:
        prepare_database(site, servers, console)
        supervisor = Supervisor(folder / "logs")
        devices = chosen_devices(None, settings)
        stack = Stack(site_path, site, servers, supervisor, workers or len(devices) or 1, devices)
        try:
            stack.start()
            _say(console, f"Logs:     {folder / 'logs'}")
            _say(console, "Ctrl-C stops everything.")
            show_live(stack, console, stop)
            let_last_windows_through(stack, console, stop)
        finally:
            stack.stop()
    console.print("Stopped.")


def pull_needed_weights(site: Site, console: Console) -> None:
    """Pull the weights that this site's choices and policy need, and no others."""
    wanted = choices.weights_of(site.models, expression=site.rules.expression)
    names = [name for name in wanted if name not in USER_FILES]
    with console.status("weights") as status:
        weights.pull(names, lambda name, step: status.update(f"weights {name}: {step}"))


def prepare_database(site: Site, servers: Servers, console: Console) -> None:
    """Create or upgrade the tables and bring the site file into them."""
    url = servers.settings.require_database_url()
    now = dt.datetime.now(dt.UTC)
    upgrade(url, now=now)
    engine = create_engine(url)
    report = sync_site(engine, site, at=now)
    engine.dispose()
    _say(console, f"Tables:   {report.text().splitlines()[-1]}")
    _say(console, f"Database: {_way_to_database(servers)}")


def _way_to_database(servers: Servers) -> str:
    """A command that opens the embedded database, or whose database it is; without a password."""
    if "database_url" not in servers.embedded:
        return redact_url(plain_database_url(servers.settings.require_database_url()))
    return f"facepose db shell --state {shlex.quote(str(servers.folder))}"


def _say(console: Console, line: str) -> None:
    """A line that can be copied whole, with nothing in it taken for markup."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_live(
    stack: Stack,
    console: Console,
    stop: threading.Event,
    until_s: float | None = None,
    on_look: Callable[[], None] = lambda: None,
) -> LiveView:
    """Show the table and watch over the services until `stop`, or until `until_s` (Unix time).

    `on_look` is called about every second. Returns the view, to be updated and read further.
    """
    settings = stack.servers.settings
    engine = create_engine(settings.require_database_url())
    view = LiveView(stack.site, settings.require_faces_url(), engine)
    follower = SiteFollower(stack, engine, view)
    title = stack.site.site.name or stack.site.site.id
    with Live(console=console, auto_refresh=False, transient=True) as live:
        next_plain_s = time.time() + FIRST_PLAIN_S
        while not stop.wait(REFRESH_S) and (until_s is None or time.time() < until_s):
            stack.watch()
            follower.look()
            view.update()
            on_look()
            left = "" if until_s is None else f", {max(0, until_s - time.time()):.0f} s left"
            picture = view.render(title + left, _restarts(stack))
            if console.is_terminal:
                live.update(picture, refresh=True)
            elif time.time() >= next_plain_s:  # a log file gets the table now and then
                next_plain_s = time.time() + PLAIN_EVERY_S
                console.print(picture)
    engine.dispose()
    return view


def let_last_windows_through(
    stack: Stack,
    console: Console,
    stop: threading.Event,
    on_look: Callable[[], None] = lambda: None,
) -> None:
    """Close the cameras, then give worker and aggregator the time to write what is under way.

    `on_look` is called twice a second.
    """
    stack.stop_ingest()
    stop.clear()
    console.print(
        f"Writing the last windows (up to {LAST_WINDOWS_S:.0f} s; Ctrl-C again stops at once)."
    )
    deadline_s = time.time() + LAST_WINDOWS_S
    engine = create_engine(stack.servers.settings.require_database_url())
    while time.time() < deadline_s and not stop.wait(0.5):
        stack.watch()
        on_look()
        if not _meetings_running(engine, stack.site):
            break
    engine.dispose()


def _meetings_running(engine: sa.Engine, site: Site) -> bool:
    """Whether a meeting that presence opened is still to be closed."""
    try:
        with engine.connect() as connection:
            return connection.execute(RUNNING, {"site": site.site.id}).first() is not None
    except sa.exc.OperationalError:  # the database is away: there is nothing to wait for
        return False


def _restarts(stack: Stack) -> list[str]:
    return [
        f"{name} was restarted {count} time(s)"
        for name, count in stack.supervisor.restarts.items()
        if count
    ]
