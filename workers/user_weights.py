"""Weights that users bring themselves: no address, no known hash, only a place to put them.

The manifest (`workers.weights`) covers what the project can fetch and verify. A file of the
user's own is taken as it is: whoever puts it there answers for its origin and its licence. It is
named by the SHA-256 of what was read, so that records still say which weights made them.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workers.errors import WeightsFormatError, WeightsMissingError
from workers.weights import cache_folder, read_weights

MAX_BYTES: Final = 64 * 2**20
"""A bound on what is read into memory; PFLD's 1.3 million numbers need 6 MB."""


@dataclass(frozen=True, slots=True)
class UserFile:
    """A file that only the user can bring.

    Attributes:
        name: as in `NetworkSpec.weights`.
        file: its name in the cache folder's `weights`.
        variable: environment variable that names another path.
        about: what is expected in it, for the message when it is missing.
    """

    name: str
    file: str
    variable: str
    about: str

    @property
    def path(self) -> Path:
        """Where the file is looked for."""
        chosen = os.environ.get(self.variable)
        return Path(chosen).expanduser() if chosen else cache_folder() / "weights" / self.file


USER_FILES: Final = {
    file.name: file
    for file in (
        UserFile(
            name="pfld98",
            file="pfld98.pth",
            variable="FACEPOSE_PFLD_CHECKPOINT",
            about=(
                "a PFLD checkpoint with 98 WFLW points, as PFLD-pytorch and FacePose_pytorch "
                "save it (checkpoint.pth.tar with 'plfd_backbone')"
            ),
        ),
    )
}


def read_user_weights(name: str) -> bytes:
    """Return the bytes of a user's own file.

    Raises:
        WeightsMissingError: it is not there; says where it belongs and what is expected.
        WeightsFormatError: too large to be what is expected.
    """
    wanted = USER_FILES[name]
    path = wanted.path
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError) as exc:
        raise WeightsMissingError(
            f"the weights {name!r} are not at {path}; they cannot be fetched: put "
            f"{wanted.about} there, or set {wanted.variable} to its path"
        ) from exc
    if len(data) > MAX_BYTES:
        raise WeightsFormatError(f"{path} has more than {MAX_BYTES:,} bytes; expected {name}")
    return data


def read_any_weights(name: str) -> bytes:
    """Return weights of the manifest, verified, or else the user's own.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: see `read_user_weights`.
    """
    return read_user_weights(name) if name in USER_FILES else read_weights(name)


def weights_sha256(name: str) -> str:
    """Return the SHA-256 of weights as they lie there. Raises what `read_any_weights` raises."""
    return hashlib.sha256(read_any_weights(name)).hexdigest()
