"""Moving fields through Redis streams; knows no message type.

Every call touches streams of one hash tag, so that it also works on a cluster.
"""

from __future__ import annotations

from schemas.transport.connection import Client, connect, server_time_ns
from schemas.transport.dead_letters import dead_letter
from schemas.transport.entries import Entry, entry_time_ns, id_before_ns, id_order
from schemas.transport.failures import (
    StreamFullError,
    TransportDownError,
    TransportError,
    TransportRefusedError,
)
from schemas.transport.groups import (
    Reclaimed,
    ack,
    ensure_group,
    pending_count,
    read_group,
    reclaim,
    renew,
    sweep,
)
from schemas.transport.log import (
    forget_after,
    last_id,
    length,
    publish,
    publish_all,
    read_log,
    read_logs,
    trim_below,
)
from schemas.transport.patience import back_off

__all__ = [
    "Client",
    "Entry",
    "Reclaimed",
    "StreamFullError",
    "TransportDownError",
    "TransportError",
    "TransportRefusedError",
    "ack",
    "back_off",
    "connect",
    "dead_letter",
    "ensure_group",
    "entry_time_ns",
    "forget_after",
    "id_before_ns",
    "id_order",
    "last_id",
    "length",
    "pending_count",
    "publish",
    "publish_all",
    "read_group",
    "read_log",
    "read_logs",
    "reclaim",
    "renew",
    "server_time_ns",
    "sweep",
    "trim_below",
]
