"""Reads a run's log beside the aggregator, before what is committed is trimmed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from deploy.lesson.errors import LogIncompleteError
from deploy.local.stack import Servers
from deploy.recording import Recording
from deploy.replay.processes import Processes
from schemas.errors import MessageError
from schemas.messages import FrameFaces, RoomMessage, decode_room_message
from schemas.streams import faces_stream
from schemas.transport import connect, read_log

_BLOCK_MS: Final = 200
_AT_ONCE: Final = 500


@dataclass
class TappedProcesses:
    """A run's processes, with its log copied on the way; see `deploy.replay.processes`.

    Attributes:
        inner: who analyses the run and writes its rows.
        entries: the log so far.
    """

    inner: Processes
    entries: list[tuple[str, RoomMessage]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self, servers: Servers, recording: Recording) -> None:
        """See `Processes`."""
        stream = faces_stream(recording.room or "", recording.run_id)
        url = servers.settings.require_faces_url()
        self._thread = threading.Thread(target=self._copy, args=(url, stream), daemon=True)
        self._thread.start()
        self.inner.start(servers, recording)

    def watch(self) -> None:
        """See `Processes`."""
        self.inner.watch()

    def stop(self) -> None:
        """See `Processes`."""
        self.inner.stop()
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def complete(self) -> Sequence[tuple[str, RoomMessage]]:
        """The whole log.

        Raises:
            LogIncompleteError: something was trimmed before it was read here.
        """
        seen: dict[tuple[str, str], set[int]] = {}
        for _, message in self.entries:
            if isinstance(message, FrameFaces):
                seen.setdefault((message.camera_id, message.epoch), set()).add(message.seq)
        missing = sum(max(numbers) + 1 - len(numbers) for numbers in seen.values())
        if missing or not seen:
            raise LogIncompleteError(f"{missing} frames of the run's log were not seen in time")
        return self.entries

    def _copy(self, url: str, stream: str) -> None:
        after = "0"
        with connect(url) as client:
            while True:
                over = self._over.is_set()
                entries = read_log(client, stream, after, count=_AT_ONCE, block_ms=_BLOCK_MS)
                for entry in entries:
                    after = entry.id
                    self._keep(entry.id, entry.fields)
                if over and not entries:
                    return

    def _keep(self, entry_id: str, fields: Mapping[bytes, bytes]) -> None:
        try:
            self.entries.append((entry_id, decode_room_message(fields)))
        except MessageError:
            return  # the aggregator passes over it as well
