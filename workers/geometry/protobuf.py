"""A reader of protobuf's wire format: just enough to take arrays out of a message.

Source: https://protobuf.dev/programming-guides/encoding/. A whole protobuf runtime and a compiled
schema would be a heavy dependency for one small file that never changes (its hash is pinned).
"""

import struct
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

Fields = dict[int, list[int | bytes]]
"""Field number → its values, in order: integers for varints, bytes for everything else."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_message(data: bytes) -> Fields:
    """Return the fields of one message.

    Raises:
        ValueError: the bytes are not a protobuf message.
    """
    fields: Fields = defaultdict(list)
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value, at = _value(data, at, tag & 7)
        fields[tag >> 3].append(value)
    return dict(fields)


def floats(values: list[int | bytes]) -> NDArray[np.float32]:
    """Return a repeated float field, packed or not, as one array."""
    return np.frombuffer(b"".join(v for v in values if isinstance(v, bytes)), "<f4")


def integers(values: list[int | bytes]) -> NDArray[np.int64]:
    """Return a repeated integer field, packed or not, as one array."""
    found: list[int] = []
    for value in values:
        found.extend([value] if isinstance(value, int) else _packed(value))
    return np.array(found, np.int64)


def _packed(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _value(data: bytes, at: int, wire_type: int) -> tuple[int | bytes, int]:
    if wire_type == _VARINT:
        return _varint(data, at)
    if wire_type == _BYTES:
        size, at = _varint(data, at)
    elif wire_type in {_FIXED32, _FIXED64}:
        size = struct.calcsize("<I" if wire_type == _FIXED32 else "<Q")
    else:
        raise ValueError(f"not a protobuf message: wire type {wire_type} at byte {at}")
    if at + size > len(data):
        raise ValueError(f"not a protobuf message: field of {size} bytes runs past the end")
    return data[at : at + size], at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("not a protobuf message: a number runs past the end")
