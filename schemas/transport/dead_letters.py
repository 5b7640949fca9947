"""Where messages go that nobody could use: enough to find the cause, never a picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from schemas.messages import FIELD_BODY, FIELD_KIND, FIELD_VERSION
from schemas.streams import DEAD_MAXLEN, DEFAULT_PARTITION, dead_stream
from schemas.transport.connection import Client
from schemas.transport.log import publish

MAX_ERROR_CHARS: Final = 500
# a broken body may hold anything, so little of it is kept
MAX_KEPT_BYTES: Final = 4096
# a list of what may pass, not of what may not: a broken entry may have its picture anywhere
KEPT_FIELDS: Final = (FIELD_VERSION, FIELD_KIND, FIELD_BODY)

_HASH_TAG = re.compile(r"\{([^{}]+)\}")


def dead_letter(
    client: Client,
    *,
    origin_stream: str,
    entry_id: str,
    error: str,
    fields: Mapping[bytes, bytes],
) -> str:
    """Keep what is known of an unusable entry in `dead:{p}` of its partition; the letter's id.

    Args:
        client: of the observations server; frames servers keep nothing.
        origin_stream: where the entry was.
        entry_id: its id there.
        error: why it could not be used, without credentials.
        fields: the entry's; the picture is left out here.
    """
    kept = {name: bytes(fields[name])[:MAX_KEPT_BYTES] for name in KEPT_FIELDS if name in fields}
    if kept.get(FIELD_BODY, b"").startswith(b"\xff\xd8"):  # a JPEG in the wrong field
        del kept[FIELD_BODY]
    letter = {
        **kept,
        b"origin": origin_stream.encode(),
        b"entry_id": entry_id.encode(),
        b"error": error[:MAX_ERROR_CHARS].encode("utf-8", "replace"),
    }
    tag = _HASH_TAG.search(origin_stream)
    stream = dead_stream(tag.group(1) if tag else DEFAULT_PARTITION)
    return publish(client, stream, letter, maxlen=DEAD_MAXLEN)
