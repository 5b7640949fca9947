"""Real weights and real pictures: there, or a skip that says why."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.errors import WeightsUnavailableError
from workers.weights import pull

NEEDED = ("yunet", "face_landmarker", "mini_xception")
DATA_VARIABLE = "FACEPOSE_DATA"


@pytest.fixture(scope="session")
def weights() -> list[Path]:
    """The weights that the analyzer needs, pulled into the cache and verified."""
    try:
        return pull(NEEDED)
    except WeightsUnavailableError as exc:
        pytest.skip(f"the weights cannot be had: {exc}")


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return the path of a file or folder among the real pictures, or skip."""
    chosen = os.environ.get(DATA_VARIABLE)
    root = Path(__file__).resolve().parents[1]
    folder = Path(chosen) if chosen else root.parent / "shared" / "data"

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"no real pictures: {name} is not in {DATA_VARIABLE} or ../shared/data")
        return path

    return find
