"""Sealed snapshots, where policy allows no figures of single students.

The state of a room holds what each student did in the last minutes. Under such a policy it is
written to PostgreSQL encrypted, with a key that lives in the observations server only and is
deleted when the meeting is over: what is left in the database can then be read by nobody.
"""

from __future__ import annotations

import os
from typing import Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aggregator.errors import SnapshotError
from schemas.streams import DEFAULT_PARTITION
from schemas.transport import Client
from schemas.transport.failures import translated

_PLAIN: Final = b"P"
_SEALED: Final = b"S"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12


def seal_name(room_id: str, run_id: str = "", partition: str = DEFAULT_PARTITION) -> str:
    """The Redis hash that holds the keys of one room's snapshots, by their id."""
    return f"seal:{{{partition}}}:{room_id}" + (f":{run_id}" if run_id else "")


def is_sealed(stored: bytes) -> bool:
    """Whether the stored bytes of a snapshot are encrypted."""
    return stored[:1] == _SEALED


def plain(stored: bytes) -> bytes:
    """The snapshot in stored bytes that are not encrypted. Raises: SnapshotError."""
    if stored[:1] != _PLAIN:
        raise SnapshotError("the room's state is not one of ours")
    return stored[1:]


def stored_plain(snapshot: bytes) -> bytes:
    """The bytes to store of a snapshot that need not be encrypted."""
    return _PLAIN + snapshot


class Sealer:
    """Seals the snapshots of one room.

    Args:
        client: of the observations server.
        room_id: slug.
        run_id: of a recording; empty: live.
    """

    def __init__(self, client: Client, room_id: str, run_id: str = "") -> None:
        self._client = client
        self._name = seal_name(room_id, run_id)
        self._room = room_id.encode()
        self._meeting_id = 0
        self._key_id = b""
        self._key = b""

    def wrap(self, snapshot: bytes, *, sealed: bool, meeting_id: int) -> bytes:
        """The bytes to store. A new meeting (0: none) gets a new key.

        Raises:
            TransportDownError: the key cannot be kept.
        """
        if not sealed:
            return _PLAIN + snapshot
        if not self._key or meeting_id != self._meeting_id:
            self._new_key(meeting_id)
        nonce = os.urandom(_NONCE_BYTES)
        secret = AESGCM(self._key).encrypt(nonce, snapshot, self._room)
        return _SEALED + self._key_id + nonce + secret

    def forget_old_keys(self) -> None:
        """After the commit of a snapshot: the keys of earlier ones die."""
        if not self._key_id:
            return
        with translated():
            known = cast("list[bytes]", self._client.hkeys(self._name))
            old = [key_id for key_id in known if key_id != self._key_id]
            if old:
                self._client.hdel(self._name, *old)

    def unwrap(self, stored: bytes) -> bytes:
        """The snapshot in stored bytes.

        Raises:
            SnapshotError: the key is gone, or the bytes are damaged.
            TransportDownError: the key cannot be read now.
        """
        kind, rest = stored[:1], stored[1:]
        if kind == _PLAIN:
            return rest
        if kind != _SEALED:
            raise SnapshotError("the room's state is not one of ours")
        key_id, nonce = rest[:_ID_BYTES], rest[_ID_BYTES : _ID_BYTES + _NONCE_BYTES]
        with translated():
            key = cast("bytes | None", self._client.hget(self._name, cast("str", key_id)))
        if key is None:
            raise SnapshotError("the key of the room's sealed state is gone")
        try:
            return AESGCM(key).decrypt(nonce, rest[_ID_BYTES + _NONCE_BYTES :], self._room)
        except (InvalidTag, ValueError) as exc:
            raise SnapshotError("the room's sealed state is damaged") from exc

    def _new_key(self, meeting_id: int) -> None:
        key_id, key = os.urandom(_ID_BYTES), AESGCM.generate_key(256)
        with translated():
            self._client.hset(self._name, cast("str", key_id), cast("str", key))
        self._meeting_id, self._key_id, self._key = meeting_id, key_id, key
