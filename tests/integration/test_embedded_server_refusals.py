"""Starts of embedded servers that cannot succeed: each is explained in words that help."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import state_folder as state_folder_module
from deploy.local.errors import (
    DiskFullError,
    PortInUseError,
    ServerStartError,
    StateFolderError,
)
from tests.integration.embedded_servers import AS_ROOT, Server, postgres, valkey


@pytest.fixture(params=[postgres, valkey])
def make_server(request: pytest.FixtureRequest) -> Callable[..., Server]:
    return request.param


def test_a_port_in_use_is_explained(make_server, state_folder):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port {port} .* choose another port"):
            make_server(state_folder, port=port).start()


def test_a_file_in_the_place_of_the_folder_is_explained(make_server, tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StateFolderError, match="choose another folder"):
        make_server(tmp_path / "state").start()


def test_a_folder_that_cannot_be_written_is_explained(make_server):
    with pytest.raises(StateFolderError, match="cannot be used"):
        make_server(Path("/proc/facepose")).start()


def test_a_full_disk_is_explained_before_anything_is_written(
    make_server, state_folder, monkeypatch
):
    usage = shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(state_folder_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFullError, match="is full: free some space"):
        make_server(state_folder).start()


def test_a_disk_that_fills_up_at_the_first_start_is_explained(tmp_path, monkeypatch):
    mount = tmp_path / "small"
    mount.mkdir()
    if not AS_ROOT or _run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)):
        pytest.skip("needs the right to mount a small file system")
    monkeypatch.setattr(state_folder_module, "MIN_FREE_MB", 0)
    try:
        with pytest.raises(DiskFullError, match="is full"):
            postgres(mount / "state").start()
    finally:
        _run("umount", str(mount))


def test_a_broken_cluster_is_reported_with_the_servers_own_words(state_folder):
    server = postgres(state_folder)
    server.start()
    server.stop()
    (state_folder / "data" / "global" / "pg_control").unlink()
    with pytest.raises(ServerStartError, match=r"did not start in [^$]*pg_control"):
        server.start()


def test_a_cluster_of_another_user_is_explained(state_folder):
    if not AS_ROOT:
        pytest.skip("only root can give files to another user")
    server = postgres(state_folder)
    server.start()
    server.stop()
    os.chown(state_folder / "data", 12345, 12345)
    with pytest.raises(StateFolderError, match="belongs to another user"):
        server.start()


def _run(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode
