"""By mail: one message a recipient, over verified TLS, under a Message-ID that never changes.

The message is the same, byte for byte, at every attempt: its date is when the run was made.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from aggregator.reports.delivery.package import Package, message_key
from aggregator.reports.delivery.time_limit import CONNECT_TIMEOUT_S, LIMIT_S, cut_off_after
from aggregator.reports.errors import DeliveryError
from schemas.errors import SettingsError
from schemas.placeholders import filled
from schemas.site_reports import MailServer

MAX_MAIL_BYTES: Final = 18 << 20  # base64 makes 25 MB of it, the limit of most servers
_SHOWN: Final = 200


def compose(package: Package, sender: str, address: str, message_id: str) -> EmailMessage:
    """The mail, with every file attached.

    Raises:
        DeliveryError: it would be larger than mail servers take.
    """
    if package.size > MAX_MAIL_BYTES:
        raise DeliveryError(
            f"the files have {package.size >> 20} MiB, a mail takes {MAX_MAIL_BYTES >> 20}: "
            "use fewer formats, or a folder"
        )
    message = EmailMessage(policy=SMTP)
    message["Subject"] = " ".join(package.title.split())
    message["From"] = sender
    message["To"] = address
    message["Date"] = format_datetime(package.finished_at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no "out of office" comes back
    message.set_content(_words(package), cte="quoted-printable")
    for file in package.files:
        kind, _, rest = file.media_type.partition("/")
        message.add_attachment(
            file.content, maintype=kind, subtype=rest.partition(";")[0].strip(), filename=file.name
        )
    if message.is_multipart():
        message.set_boundary(f"facepose-{message_key(message_id)}")
    return message


def send_mail(
    message: EmailMessage,
    server: MailServer,
    environ: Mapping[str, str],
    limit_s: float = LIMIT_S,
) -> None:
    """Hand one mail to the server.

    Raises:
        DeliveryError: it was refused, or nobody knows whether it was taken.
    """
    handed_over = False
    try:
        with logged_in(server, environ, limit_s) as smtp:
            _accepted(smtp.mail(server.sender))
            _accepted(smtp.rcpt(str(message["To"])))
            handed_over = True
            answer = smtp.data(message.as_bytes())
            handed_over = False
            _accepted(answer)
    except smtplib.SMTPResponseException as exc:
        raise DeliveryError(f"the mail server says {_answer(exc)}") from exc
    except (OSError, smtplib.SMTPException) as exc:
        reason = f"mail server {server.host}:{server.active_port}: {_reason(exc)}"
        raise DeliveryError(reason, in_doubt=handed_over) from exc


@contextmanager
def logged_in(
    server: MailServer, environ: Mapping[str, str], limit_s: float = LIMIT_S
) -> Iterator[smtplib.SMTP]:
    """A session over TLS, its certificate verified, logged in where a user is named.

    Raises:
        DeliveryError: the login is refused, or its environment variables are missing.
        OSError, smtplib.SMTPException: the server cannot be used.
    """
    user, password = _login(server, environ)
    context = ssl.create_default_context()
    us = server.sender.rpartition("@")[2]  # our own name would be asked of a resolver
    smtp = (
        smtplib.SMTP_SSL(local_hostname=us, timeout=CONNECT_TIMEOUT_S, context=context)
        if server.security == "tls"
        else smtplib.SMTP(local_hostname=us, timeout=CONNECT_TIMEOUT_S)
    )
    smtp._host = server.host  # type: ignore[attr-defined]  # noqa: SLF001  the name that TLS verifies
    with cut_off_after(limit_s, lambda: smtp.sock):
        try:
            smtp.connect(server.host, server.active_port)
            if server.security == "starttls":
                smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
            if user is not None and password is not None:
                _log_in(smtp, user, password)
            yield smtp
        finally:
            _leave(smtp)


def _accepted(answer: tuple[int, bytes]) -> None:
    if not 200 <= answer[0] < 300:
        raise smtplib.SMTPResponseException(*answer)


def _login(server: MailServer, environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    if server.user is None or server.password is None:
        return None, None
    try:
        return filled(server.user, environ, "mail"), filled(server.password, environ, "mail")
    except SettingsError as exc:
        raise DeliveryError(str(exc)) from exc


def _log_in(smtp: smtplib.SMTP, user: str, password: str) -> None:
    try:
        smtp.login(user, password)
    except smtplib.SMTPAuthenticationError as exc:
        words = _answer(exc).replace(password, "***").replace(user, "***")
        raise DeliveryError(
            f"the mail server refuses user and password ({words}): check the variables that "
            "`mail.user` and `mail.password` name"
        ) from None  # the chain would hold what was sent


def _leave(smtp: smtplib.SMTP) -> None:
    try:
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        smtp.close()


def _answer(exc: smtplib.SMTPResponseException) -> str:
    words = exc.smtp_error
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    return f"{exc.smtp_code} {' '.join(text.split())[:_SHOWN]}"


def _reason(exc: OSError | smtplib.SMTPException) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted ({exc.verify_message})"
    return " ".join(str(exc).split())[:_SHOWN] or type(exc).__name__


def _words(package: Package) -> str:
    lines = [
        package.title,
        f"Days: {package.first} to {package.last}." if package.first != package.last else "",
        "",
        "Attached: " + ", ".join(file.name for file in package.files),
    ]
    if package.left_out:
        lines += ["", "Lessons that were not closed in time and are missing:"]
        lines += [f"- {lesson}" for lesson in package.left_out]
    lines += ["", "This message was made and sent by a program."]
    return "\n".join(line for n, line in enumerate(lines) if line or n != 1) + "\n"
