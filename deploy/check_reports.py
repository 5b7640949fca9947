"""The part of `facepose check` that looks at who gets reports; nobody gets one of it."""

from __future__ import annotations

import os
import smtplib
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from aggregator.reports.delivery.mail import logged_in
from aggregator.reports.errors import DeliveryError
from deploy.finding import Finding
from schemas.errors import SettingsError
from schemas.placeholders import filled
from schemas.site import Site
from schemas.site_reports import channel_of, masked


def check_reports(
    site: Site, folder: Path, environ: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """One finding a recipient, and one for the mail server; a webhook is not called.

    Args:
        site: its reports and its mail server.
        folder: of the site file, where relative folders begin.
        environ: where secrets stand.
    """
    enabled = [report for report in site.reports if report.enabled]
    recipients = sorted({to for report in enabled for to in report.recipients})
    for recipient in recipients:
        what = f"reports to {masked(recipient)}"
        try:
            place = filled(recipient, environ, "it")
        except SettingsError as exc:
            yield Finding(what, "failed", f"{exc}: set it where `facepose report serve` runs")
            continue
        if channel_of(recipient) == "folder":
            yield _check_folder(what, folder / place)
        elif channel_of(recipient) == "webhook":
            yield Finding(what, "ok", "its address can be used; it was not called")
    if any(channel_of(recipient) == "mail" for recipient in recipients):
        yield _check_mail(site, environ)


def _check_folder(what: str, folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as exc:
        return Finding(what, "failed", f"{existing} cannot be written: {exc.strerror}")
    return Finding(what, "ok", "writable" if existing == folder else "will be created")


def _check_mail(site: Site, environ: Mapping[str, str]) -> Finding:
    server = site.mail
    if server is None:
        return Finding("mail server", "failed", "the site file names none: add `mail:`")
    place = f"{server.host}:{server.active_port}"
    try:
        with logged_in(server, environ, limit_s=20.0):
            pass
    except (DeliveryError, smtplib.SMTPException, OSError) as exc:
        reason = exc.verify_message if isinstance(exc, ssl.SSLCertVerificationError) else str(exc)
        return Finding("mail server", "failed", f"{place}: {' '.join(reason.split())}")
    login = "logged in" if server.user else "no login"
    return Finding("mail server", "ok", f"{place} answers, its certificate holds, {login}")
