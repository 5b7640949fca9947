"""Takes a run to a recipient, whichever way that is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from aggregator.reports.delivery.folder import deliver_to_folder
from aggregator.reports.delivery.mail import compose, send_mail
from aggregator.reports.delivery.package import Package
from aggregator.reports.delivery.time_limit import LIMIT_S
from aggregator.reports.delivery.webhook import post
from aggregator.reports.errors import DeliveryError
from schemas.errors import SettingsError
from schemas.placeholders import filled
from schemas.site import Site
from schemas.site_reports import MAILTO, channel_of


class Courier:
    """Delivers for one site.

    Args:
        site: in force; its mail server is used.
        folder: of the site file; recipients' relative folders begin there.
        environ: where secrets stand.
        limit_s: for one mail or post.
    """

    def __init__(
        self,
        site: Site,
        folder: Path,
        environ: Mapping[str, str] = os.environ,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._site = site
        self._folder = folder
        self._environ = environ
        self._limit_s = limit_s

    def deliver(self, package: Package, recipient: str, message_id: str | None) -> None:
        """Send it once.

        Raises:
            DeliveryError: it did not arrive, or nobody knows.
        """
        if not package.files:
            raise DeliveryError("the run has no files any more")
        channel = channel_of(recipient)
        if channel == "folder":
            deliver_to_folder(package, self._folder / self._filled(recipient))
        elif channel == "webhook":
            post(package, self._filled(recipient), message_id or "", self._limit_s)
        else:
            self._mail(package, recipient.removeprefix(MAILTO), message_id or "")

    def _mail(self, package: Package, address: str, message_id: str) -> None:
        server = self._site.mail
        if server is None:
            raise DeliveryError("the site file names no mail server: add `mail:`")
        message = compose(package, server.sender, address, message_id)
        send_mail(message, server, self._environ, self._limit_s)

    def _filled(self, recipient: str) -> str:
        try:
            return filled(recipient, self._environ, "a recipient")
        except SettingsError as exc:
            raise DeliveryError(str(exc)) from exc
