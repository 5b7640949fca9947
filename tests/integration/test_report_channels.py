"""Reports on their way: a folder, a mail server and a webhook, all real, and what goes wrong."""

import base64
import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aggregator.reports.delivery.folder import deliver_to_folder
from aggregator.reports.delivery.mail import MAX_MAIL_BYTES, compose, send_mail
from aggregator.reports.delivery.package import DeliveredFile, Package, message_id, message_key
from aggregator.reports.delivery.webhook import post
from aggregator.reports.errors import DeliveryError
from schemas.site_reports import MailServer
from tests.integration.report_servers import (
    HOST,
    PASSWORD,
    USER,
    Certificate,
    Hook,
    MailBox,
    mail_server,
    make_certificate,
    webhook,
)

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {"MAIL_USER": USER, "MAIL_PASSWORD": PASSWORD}
PDF = DeliveredFile(
    name="w_1.pdf", media_type="application/pdf", content=b"%PDF-1.7\n\x00\xff.\r\n."
)
CSV = DeliveredFile(
    name="w_1_lessons.csv", media_type="text/csv; charset=utf-8", content=b"a,b\r\n1,2\r\n"
)
PACKAGE = Package(
    site="school",
    site_name="Sunnyside – één",
    report="weekly",
    kind="weekly_site",
    period="2026-W12",
    first=dt.date(2026, 3, 16),
    last=dt.date(2026, 3, 22),
    finished_at=dt.datetime(2026, 3, 23, 5, 0, 7, tzinfo=dt.UTC),
    left_out=("room-1, 7b, 2026-03-20 14:30: not closed yet",),
    files=(PDF, CSV),
)
KEY = message_key("school", "weekly", "2026-W12", "mailto:head@school.example")
MESSAGE_ID = message_id("mail", KEY, "school.example") or ""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))


@pytest.fixture
def hook(certificate: Certificate, trusted: None) -> Iterator[Hook]:
    with webhook(certificate) as hook:
        yield hook


def a_server(box: MailBox, security: str = "starttls", **values: Any) -> MailServer:
    login = {"user": "${MAIL_USER}", "password": "${MAIL_PASSWORD}"}
    return MailServer.model_validate(
        {
            "host": HOST,
            "port": box.port,
            "security": security,
            "from": "reports@school.example",
            **login,
            **values,
        }
    )


def a_mail(package: Package = PACKAGE) -> Any:
    return compose(package, "reports@school.example", "head@school.example", MESSAGE_ID)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_arrives_with_its_files_under_its_own_id(
    certificate: Certificate, trusted: None, security: str
):
    with mail_server(certificate, security) as box:
        send_mail(a_mail(), a_server(box, security), ENVIRON)
        [mail] = box.mails
    assert mail["Message-ID"] == MESSAGE_ID
    assert mail["To"] == "head@school.example"
    assert mail["Subject"] == "Sunnyside – één: weekly site report 2026-W12"
    assert mail["Auto-Submitted"] == "auto-generated"
    attached = {part.get_filename(): part for part in mail.iter_attachments()}
    assert attached["w_1.pdf"].get_content() == PDF.content
    assert attached["w_1.pdf"].get_content_type() == "application/pdf"
    assert base64.b64decode(attached["w_1_lessons.csv"].get_payload()) == CSV.content
    words = mail.get_body().get_content()
    assert "2026-03-16 to 2026-03-22" in words
    assert "room-1, 7b, 2026-03-20 14:30: not closed yet" in words


def test_the_same_run_makes_the_same_mail_again():
    assert a_mail().as_bytes() == a_mail().as_bytes()


def test_recipients_and_periods_have_ids_of_their_own():
    keys = {
        message_key("school", "weekly", period, to)
        for period in ("2026-W12", "2026-W13")
        for to in ("mailto:a@x.example", "mailto:b@x.example")
    }
    assert len(keys) == 4


def test_a_mail_server_whose_certificate_nobody_vouches_for_gets_nothing(certificate: Certificate):
    with mail_server(certificate) as box:
        with pytest.raises(DeliveryError, match="its certificate cannot be trusted"):
            send_mail(a_mail(), a_server(box), ENVIRON)
        assert box.raw == []


def test_a_mail_server_of_another_name_gets_nothing(certificate: Certificate, trusted: None):
    with mail_server(certificate) as box:
        other = a_server(box, host="127.0.0.1")  # the certificate says localhost
        with pytest.raises(DeliveryError, match="cannot be trusted"):
            send_mail(a_mail(), other, ENVIRON)
        assert box.raw == []


def test_a_wrong_password_is_told_and_not_shown(certificate: Certificate, trusted: None):
    wrong = {"MAIL_USER": USER, "MAIL_PASSWORD": "wrong-horse"}
    with mail_server(certificate) as box, pytest.raises(DeliveryError) as raised:
        send_mail(a_mail(), a_server(box), wrong)
    assert "refuses user and password" in str(raised.value)
    assert "wrong-horse" not in str(raised.value)
    assert not raised.value.in_doubt


def test_a_password_that_is_not_in_the_environment_is_told_by_its_name(
    certificate: Certificate, trusted: None
):
    with (
        mail_server(certificate) as box,
        pytest.raises(DeliveryError, match="the environment variable MAIL_PASSWORD"),
    ):
        send_mail(a_mail(), a_server(box), {"MAIL_USER": USER})


def test_a_refused_mail_has_surely_not_arrived(certificate: Certificate, trusted: None):
    with mail_server(certificate) as box:
        box.answer = "552 mailbox full"
        with pytest.raises(DeliveryError, match="552 mailbox full") as raised:
            send_mail(a_mail(), a_server(box), ENVIRON)
    assert not raised.value.in_doubt


def test_a_mail_server_that_hangs_up_before_its_answer_leaves_a_doubt(
    certificate: Certificate, trusted: None
):
    with mail_server(certificate) as box:
        box.before_answer = lambda server: server.transport.close()
        with pytest.raises(DeliveryError) as raised:
            send_mail(a_mail(), a_server(box), ENVIRON)
        assert len(box.raw) == 1
    assert raised.value.in_doubt


def test_a_mail_server_that_does_not_answer_is_left_in_time(
    certificate: Certificate, trusted: None
):
    with mail_server(certificate) as box:
        box.before_answer = lambda _server: time.sleep(3)
        with pytest.raises(DeliveryError) as raised:
            send_mail(a_mail(), a_server(box), ENVIRON, limit_s=0.5)
    assert raised.value.in_doubt


def test_nobody_there_is_no_doubt():
    with pytest.raises(DeliveryError, match="refused") as raised:
        send_mail(a_mail(), a_server(MailBox(port=9)), ENVIRON)
    assert not raised.value.in_doubt


def test_files_too_large_for_a_mail_are_told_before_a_server_is_asked():
    large = DeliveredFile(name="x.pdf", media_type="application/pdf", content=bytes(MAX_MAIL_BYTES))
    with pytest.raises(DeliveryError, match="use fewer formats, or a folder"):
        a_mail(msgspec.structs.replace(PACKAGE, files=(large, PDF)))


def test_a_name_with_a_line_break_adds_no_header():
    named = msgspec.structs.replace(PACKAGE, site_name="School\r\nBcc: x@y.example")
    assert a_mail(named)["Bcc"] is None


def test_a_webhook_gets_the_files_under_a_key(hook: Hook):
    post(PACKAGE, hook.url, "facepose-k1")
    [(path, key, _body)] = hook.posts
    assert (path, key) == ("/hook?token=hidden-token", "facepose-k1")
    [told] = hook.objects
    assert told["period"] == "2026-W12"
    assert told["left_out"] == list(PACKAGE.left_out)
    first = told["files"][0]
    assert base64.b64decode(first["content_base64"]) == PDF.content
    assert first["sha256"] == PDF.sha256


def test_a_webhook_gets_the_same_bytes_again(hook: Hook):
    post(PACKAGE, hook.url, "k")
    post(PACKAGE, hook.url, "k")
    assert hook.posts[0] == hook.posts[1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(hook: Hook, certificate: Certificate, status: int):
    with webhook(certificate) as other:
        hook.status, hook.location = status, other.url
        with pytest.raises(DeliveryError, match="redirects") as raised:
            post(PACKAGE, hook.url, "k")
        assert other.posts == []
    assert not raised.value.in_doubt


def test_a_webhook_that_refuses_is_told_without_its_secret(hook: Hook):
    hook.status = 403
    with pytest.raises(DeliveryError, match="answers 403") as raised:
        post(PACKAGE, hook.url, "k")
    assert "hidden-token" not in str(raised.value)
    assert not raised.value.in_doubt


def test_a_webhook_that_hangs_up_without_an_answer_leaves_a_doubt(hook: Hook):
    hook.is_mute = True
    with pytest.raises(DeliveryError) as raised:
        post(PACKAGE, hook.url, "k")
    assert raised.value.in_doubt
    assert "hidden-token" not in str(raised.value)


def test_a_webhook_that_is_too_slow_is_left_in_time_and_in_doubt(hook: Hook):
    hook.delay_s = 3
    with pytest.raises(DeliveryError) as raised:
        post(PACKAGE, hook.url, "k", limit_s=0.5)
    assert raised.value.in_doubt


def test_a_webhook_whose_certificate_nobody_vouches_for_gets_nothing(certificate: Certificate):
    with webhook(certificate) as hook:
        with pytest.raises(DeliveryError, match="its certificate cannot be trusted") as raised:
            post(PACKAGE, hook.url, "k")
        assert hook.posts == []
    assert not raised.value.in_doubt


def test_a_folder_gets_whole_files_under_names_that_stay(tmp_path: Path):
    folder = tmp_path / "new" / "reports"
    deliver_to_folder(PACKAGE, folder)
    deliver_to_folder(PACKAGE, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        PDF.name: PDF.content,
        CSV.name: CSV.content,
    }


def test_a_file_s_name_leads_to_no_other_folder(tmp_path: Path):
    outside = DeliveredFile(name="../../x.pdf", media_type="application/pdf", content=b"x")
    deliver_to_folder(msgspec.structs.replace(PACKAGE, files=(outside,)), tmp_path / "a" / "b")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x.pdf"]


def test_a_folder_that_cannot_be_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DeliveryError, match="cannot be written"):
        deliver_to_folder(PACKAGE, tmp_path / "file" / "reports")


def test_a_full_disk_leaves_no_half_file(tmp_path: Path):
    """The kernel refuses the bytes beyond a limit, as a full disk does, in a process of its own."""
    program = f"""
import resource, signal, sys
from pathlib import Path
import msgspec
from aggregator.reports.delivery.folder import deliver_to_folder
from aggregator.reports.errors import DeliveryError
from tests.integration.test_report_channels import PACKAGE, DeliveredFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
large = DeliveredFile(name="x.pdf", media_type="application/pdf", content=bytes(50_000))
try:
    deliver_to_folder(msgspec.structs.replace(PACKAGE, files=(large,)), Path({str(tmp_path)!r}))
except DeliveryError as exc:
    sys.exit(0 if "no space left" in str(exc) else 3)
sys.exit(4)
"""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run([sys.executable, "-c", program], env=environ, cwd=ROOT, check=False)
    assert result.returncode == 0
    assert list(tmp_path.iterdir()) == []
