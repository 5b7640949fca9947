"""The watch over the disk can see: each way to write a picture is planted once and found."""

import subprocess
import sys
import time

import numpy as np
import pytest
import simplejpeg

from tests.e2e.disk_watch import DiskWatch

NOISE = np.random.default_rng(1).integers(0, 255, (360, 640, 3), dtype=np.uint8)
WAIT_S = 20.0


@pytest.fixture
def jpeg():
    return simplejpeg.encode_jpeg(np.ascontiguousarray(NOISE))


def watched(script, *arguments, folder):
    """Run a script under the watch until it says that it is done; the watch."""
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        watch = DiskWatch(lambda: {"suspect": process.pid}, [folder])
        watch.start()
        try:
            process.stdin.write(b"go\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"done\n"
            looks_until = time.monotonic() + WAIT_S
            while not watch.opened and time.monotonic() < looks_until and "keep" in script:
                time.sleep(0.05)
            watch.look()
        finally:
            process.stdin.close()
            process.wait(WAIT_S)
            watch.stop()
    return watch


def test_a_picture_left_in_a_file_is_found(tmp_path, jpeg):
    watch = DiskWatch(dict, [tmp_path])
    (tmp_path / "log.txt").write_text("nothing but words")
    assert watch.pictures_left() == set()
    (tmp_path / "innocent.aof").write_bytes(b"*5\r\n$4\r\nXADD" + jpeg)
    assert watch.pictures_left() == {str(tmp_path / "innocent.aof")}


def test_a_piece_of_a_known_picture_is_found_without_its_head(tmp_path, jpeg):
    watch = DiskWatch(dict, [tmp_path])
    (tmp_path / "piece").write_bytes(b"x" * 99 + jpeg[5000:])
    assert watch.pictures_left() == set()
    assert watch.pictures_left([jpeg[6000:6032]]) == {str(tmp_path / "piece")}


def test_a_picture_in_a_file_that_has_no_name_any_more_is_found(tmp_path, jpeg):
    (tmp_path / "source").write_bytes(jpeg)
    script = """if 'keep':
        import sys, tempfile
        data = open(sys.argv[1], 'rb').read()
        sys.stdin.readline()
        kept = tempfile.TemporaryFile(dir=sys.argv[2])
        kept.write(data); kept.flush()
        print('done', flush=True)
        sys.stdin.read()
    """
    watch = watched(script, tmp_path / "source", tmp_path, folder=tmp_path)
    assert len(watch.pictures_seen) == 1


def test_pictures_that_are_gone_again_at_once_show_in_the_bytes(tmp_path, jpeg):
    (tmp_path / "source").write_bytes(jpeg)
    script = """if True:
        import os, sys
        data = open(sys.argv[1], 'rb').read()
        sys.stdin.readline()
        for number in range(20):
            with open(sys.argv[2] + '/gone', 'wb') as file:
                file.write(data)
            os.remove(sys.argv[2] + '/gone')
        print('done', flush=True)
        sys.stdin.read()
    """
    watch = watched(script, tmp_path / "source", tmp_path, folder=tmp_path)
    if watch.bytes_written("suspect") == 0:
        pytest.skip("the temporary folder is no disk whose writes the kernel counts")
    assert watch.bytes_written("suspect") >= 20 * len(jpeg)
