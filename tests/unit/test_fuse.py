from __future__ import annotations

from ingest.stream.fuse import Fuse
from ingest.stream.timestamps import NS


def test_a_fuse_answers_with_what_is_left_and_always_grants_a_moment() -> None:
    now_ns = 7 * NS
    fuse = Fuse(lambda: now_ns, least_s=0.5)
    fuse.light(4.5)
    assert float(fuse) == 4.5
    now_ns += 3 * NS
    assert float(fuse) == 1.5
    now_ns += 3 * NS
    assert float(fuse) == 0.5
    fuse.light(2)
    assert float(fuse) == 2
