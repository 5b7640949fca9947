"""`facepose bench aggregate` on real servers."""

from deploy.bench.aggregate import AggregateOptions, measure

OPTIONS = AggregateOptions(rooms=2, seconds=20, students=6, fps=2)


def test_everything_that_was_observed_becomes_rows():
    run = measure(OPTIONS)
    assert run.rows == 2 * 6 * 2  # no minute ends in these seconds, only two windows
    assert run.entries == 2 * 20 * 3
    assert len(run.cpu_s) == len(run.rss_kb) == OPTIONS.seconds
    assert run.commit_s
    assert run.snapshot_bytes > 0
    assert run.postgres_cpu_s > 0
