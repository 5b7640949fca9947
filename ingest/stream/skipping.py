"""The cheapest decoding that gives every sampled picture: which coded pictures are left out.

Decoding is most of the work of a camera, and only 5 of 25 pictures a second are sent on. Two kinds
of pictures can be left out without harm to the others:

- one to which no other refers, unless it is the sampled one itself;
- the rest of a group of pictures (from one key frame to the next) after its last sampled one. That
  needs key frames at a steady distance and pictures in the order in which they are shown. Where a
  group holds one sampled picture at most, only key frames are decoded.

What can be left out is learnt from the stream and told in words by `decoding`.
"""

from __future__ import annotations

from typing import Final

import av

from ingest.stream.coded_picture import is_clean_start, is_disposable
from ingest.stream.sampler import Sampler

STEADY_GROUPS: Final = 2  # of equal length, before the next is foretold
DISTRUST_GROUPS: Final = 30  # after a foretold key frame did not come

ALL: Final = "all"


class Skipper:
    """Says of each coded picture of one connection, in order, whether it must be decoded."""

    def __init__(self, sampler: Sampler, codec: str) -> None:
        self._sampler = sampler
        self._codec = codec
        self._last_pts_ns: int | None = None
        self._spacing_ns = 0
        self._is_reordered = False
        self._key_pts_ns: int | None = None
        self._group_ns = 0  # length of the groups, while it is steady
        self._steady = 0
        self._count = 0  # pictures of this group
        self._length = 0  # pictures of the last group
        self._waits_for_key = False
        self._undated_keys = 0
        self._left_out = {"disposable": 0, "tail": 0}

    @property
    def decoding(self) -> str:
        """In words for people: which pictures are decoded."""
        if self._left_out["tail"] and self._is_one_a_group():
            return "key frames"
        parts = []
        if self._left_out["disposable"]:
            parts.append("without pictures that no other needs")
        if self._left_out["tail"]:
            parts.append("up to the last sampled one of each group")
        return ", ".join(parts) or ALL

    def needs(self, packet: av.Packet[av.VideoStream], pts_ns: int) -> bool:
        """Whether the coded picture, shown at `pts_ns`, must be decoded."""
        is_key = is_clean_start(packet, self._codec)
        self._learn(is_key, pts_ns)
        if is_key:
            self._waits_for_key = False
        elif self._waits_for_key:
            return False
        if self._is_tail():
            self._left_out["tail"] += 1
            self._waits_for_key = True
            return False
        if self._spacing_ns and is_disposable(packet, self._codec):
            wanted = self._is_sampled(pts_ns)
            self._left_out["disposable"] += not wanted
            return wanted
        return True

    def pass_undated(self, packet: av.Packet[av.VideoStream]) -> None:
        """A coded picture without a time: it is decoded. A connection's first key frame is one."""
        self._undated_keys += is_clean_start(packet, self._codec)

    def _learn(self, is_key: bool, pts_ns: int) -> None:
        if self._last_pts_ns is not None:
            step_ns = pts_ns - self._last_pts_ns
            self._is_reordered = self._is_reordered or step_ns < 0
            if step_ns > 0:
                self._spacing_ns = min(self._spacing_ns or step_ns, step_ns)
                self._sampler.spacing_ns = self._spacing_ns
            if self._count == 1 and self._key_pts_ns is None and self._undated_keys == 1:
                self._begin_group(self._last_pts_ns - step_ns)
                self._count = 2
        self._last_pts_ns = pts_ns
        if is_key:
            self._begin_group(pts_ns)
        self._count += 1
        if self._count > self._length and self._steady >= STEADY_GROUPS:
            self._steady = -DISTRUST_GROUPS  # the foretold key frame did not come

    def _begin_group(self, pts_ns: int) -> None:
        if self._key_pts_ns is not None:
            is_same = self._count == self._length
            self._steady = self._steady + 1 if is_same else min(self._steady, 0)
            self._length, self._group_ns = self._count, pts_ns - self._key_pts_ns
        self._key_pts_ns, self._count = pts_ns, 0
        self._sampler.anchor(pts_ns)

    def _is_tail(self) -> bool:
        """Whether no picture from this one to the foretold key frame is sampled."""
        if self._is_reordered or self._steady < STEADY_GROUPS or self._key_pts_ns is None:
            return False
        next_key_ns = self._key_pts_ns + self._group_ns
        return not self._sampler.is_due_before(next_key_ns - self._spacing_ns // 2)

    def _is_sampled(self, pts_ns: int) -> bool:
        """Whether a picture that no other needs is the one that will be sampled."""
        if self._is_reordered:  # it comes before others that are shown earlier
            return self._sampler.would_want(pts_ns, self._spacing_ns)
        return self._sampler.is_due_before(pts_ns + self._spacing_ns // 2)

    def _is_one_a_group(self) -> bool:
        return self._group_ns <= self._sampler.interval_ns + self._spacing_ns
