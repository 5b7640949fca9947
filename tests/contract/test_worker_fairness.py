"""Under overload every camera loses alike: a worker that is too slow serves all of them in turn."""

from collections import Counter

import pytest

from schemas import transport
from workers.batching import BatchLimits, BatchReader, KeyRotation
from workers.queues import FramesQueue


@pytest.mark.parametrize("cameras", [2, 3, 5, 12])
@pytest.mark.parametrize("max_frames", [1, 2, 4, 8])
def test_every_backlogged_camera_gets_the_same_share(redis_url, cameras, max_frames):
    client = transport.connect(redis_url)
    streams = [f"frames:{{0}}:camera-{number}" for number in range(cameras)]
    for stream in streams:
        for number in range(60):
            transport.publish(client, stream, {b"number": b"%d" % number})
    queue = FramesQueue(client, streams, "slow-worker")
    queue.join()
    reader = BatchReader(KeyRotation(streams), BatchLimits(max_frames=max_frames, linger_s=0.0))
    taken: Counter[str] = Counter()
    while taken.total() < 30 * cameras:
        batch = reader.collect(queue.read)
        assert 0 < len(batch) <= max_frames
        taken.update(entry.stream for entry in batch)
    shares = [taken[stream] for stream in streams]
    assert max(shares) - min(shares) <= max_frames
    client.close()
