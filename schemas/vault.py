"""Names and roster ids of people: encrypted, and only in the schema `vault`.

One secret of 32 bytes opens it. From it HKDF-SHA256 (RFC 5869) derives a key for each use, so that
none of them tells anything of another:

- names and the roster's own id (`sourcedId`) are AES-256-GCM (NIST SP 800-38D) with a random nonce
  of 96 bits; the student's number is bound to it as associated data, so that a row that was moved
  to another student does not open;
- a `sourcedId` is found again by HMAC-SHA256: without the key nobody can try out ids.

`key_id` tells which secret a row needs, and nothing of the secret. Nothing here is ever logged:
what holds a secret or a name shows neither when it is printed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, select

from schemas.errors import FacePoseError, SettingsError
from schemas.settings import Settings
from schemas.tables import identities

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"  # before every sealed identity; another one is of a newer program
_MAX_FILE_BYTES: Final = 1024
_BATCH: Final = 5_000
_HOW_TO_MAKE_ONE: Final = (
    "make one with `facepose roster key` and keep a copy where the database's back-ups are not"
)


class VaultError(FacePoseError):
    """A stored identity cannot be opened with the key in use."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a student is outside of this system; shows nothing when printed."""

    sourced_id: str = field(repr=False)
    given_name: str = field(repr=False)
    family_name: str = field(repr=False)


class Vault:
    """Seals and opens identities with one secret.

    Args:
        secret: 32 random bytes.

    Attributes:
        key_id: 16 hex digits that name the secret.

    Raises:
        SettingsError: the secret has another length.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise SettingsError(
                f"the vault's key has {len(secret)} bytes instead of {KEY_BYTES}; "
                + _HOW_TO_MAKE_ONE
            )
        self._names = AESGCM(_derived(secret, b"names"))
        self._ids = _derived(secret, b"sourced ids")
        self._erasures = _derived(secret, b"erasures")
        self.key_id = _derived(secret, b"key id")[:8].hex()

    def __repr__(self) -> str:
        return f"Vault({self.key_id = })"

    def seal(self, student_id: int, identity: Identity) -> bytes:
        """The identity, encrypted and bound to the student's number; differs at every call."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._names.encrypt(nonce, _pack(identity), _bound_to(student_id))

    def open(self, student_id: int, sealed: bytes) -> Identity:
        """What `seal` hid.

        Raises:
            VaultError: sealed with another key, for another student, by a newer program, or
                damaged.
        """
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _FORMAT or len(nonce) < _NONCE_BYTES:
            raise VaultError("an identity is in a form that this program does not know")
        try:
            return _unpack(self._names.decrypt(nonce, body, _bound_to(student_id)))
        except InvalidTag:
            raise VaultError(
                f"an identity does not open with key {self.key_id}: it was sealed with another "
                "key, or was changed"
            ) from None

    def hash_sourced_id(self, site: str, sourced_id: str) -> bytes:
        """By what a person of a site's roster is found again."""
        return hmac.digest(self._ids, f"{site}\0{sourced_id}".encode(), hashlib.sha256)

    def hash_pseudonym(self, pseudonym: uuid.UUID) -> bytes:
        """By what an erased student is known again in a restored back-up, and nowhere else."""
        return hmac.digest(self._erasures, pseudonym.bytes, hashlib.sha256)


def new_key() -> str:
    """A new secret as it stands in FACEPOSE_VAULT_KEY."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def vault_of(settings: Settings) -> Vault:
    """The vault that the settings open.

    Raises:
        SettingsError: there is no key, two are set, or it is not one.
    """
    if settings.vault_key is not None and settings.vault_key_file is not None:
        raise SettingsError("set FACEPOSE_VAULT_KEY or FACEPOSE_VAULT_KEY_FILE, not both")
    if settings.vault_key is not None:
        return Vault(_decoded(settings.vault_key.get_secret_value(), "FACEPOSE_VAULT_KEY"))
    if settings.vault_key_file is not None:
        return vault_of_file(settings.vault_key_file)
    raise SettingsError(
        "names are stored encrypted, and no key is set: set FACEPOSE_VAULT_KEY, or "
        f"FACEPOSE_VAULT_KEY_FILE to a file that holds it; {_HOW_TO_MAKE_ONE}"
    )


def vault_of_file(path: Path) -> Vault:
    """The vault that the key in a file opens. Raises: SettingsError."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE_BYTES)
    except OSError as exc:
        raise SettingsError(
            f"the vault's key file {path} cannot be read: {exc.strerror}; {_HOW_TO_MAKE_ONE}"
        ) from None
    return Vault(_decoded(text.decode("ascii", "replace"), str(path)))


def known_students(
    connection: Connection, vault: Vault, site: str, sourced_ids: Iterable[str]
) -> dict[str, int]:
    """The students of these roster ids, as far as the vault knows them.

    Args:
        connection: of a role that may read the vault.
        vault: with the key under which they were stored.
        site: slug of the site.
        sourced_ids: of the roster.
    """
    by_hash = {vault.hash_sourced_id(site, sourced_id): sourced_id for sourced_id in sourced_ids}
    hashes = list(by_hash)
    found: dict[str, int] = {}
    for start in range(0, len(hashes), _BATCH):
        query = select(identities.c.sourced_id_hmac, identities.c.student_id).where(
            identities.c.sourced_id_hmac.in_(hashes[start : start + _BATCH])
        )
        found |= {by_hash[bytes(row[0])]: row[1] for row in connection.execute(query)}
    return found


def _derived(secret: bytes, use: bytes) -> bytes:
    info = b"facepose vault 1: " + use
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret)


def _bound_to(student_id: int) -> bytes:
    return b"facepose student " + student_id.to_bytes(8, "big", signed=True)


def _pack(identity: Identity) -> bytes:
    return msgspec.msgpack.encode((identity.sourced_id, identity.given_name, identity.family_name))


def _unpack(packed: bytes) -> Identity:
    return Identity(*msgspec.msgpack.decode(packed, type=tuple[str, str, str]))


def _decoded(text: str, source: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError(f"{source} is not base64; {_HOW_TO_MAKE_ONE}") from None
