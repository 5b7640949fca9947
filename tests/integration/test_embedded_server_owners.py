"""One process owns a server's folder: locks, killed parents, orphans and pids of strangers."""

import os
import shutil
from collections.abc import Callable

import psutil
import pytest

from deploy.local.errors import AlreadyRunningError, ServerStartError
from deploy.local.servers import EmbeddedPostgres, FolderLock
from tests.integration.embedded_servers import (
    AS_ROOT,
    Server,
    frames_valkey,
    postgres,
    python_process,
    valkey,
)


@pytest.fixture(params=[postgres, valkey])
def make_server(request: pytest.FixtureRequest) -> Callable[..., Server]:
    return request.param


def test_a_second_start_in_the_same_folder_is_refused(make_server, state_folder):
    server = make_server(state_folder)
    server.start()
    with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}.*stop that one first"):
        make_server(state_folder).start()
    assert server.is_running()
    server.stop()


def test_two_servers_live_side_by_side_in_one_state_folder(state_folder):
    servers = [
        postgres(state_folder / "postgres"),
        frames_valkey(state_folder / "frames"),
        valkey(state_folder / "faces"),
    ]
    with FolderLock(state_folder):
        assert len({server.start() for server in servers}) == 3
        for server in servers:
            server.stop()


def test_the_lock_of_another_process_is_respected_until_it_dies(state_folder):
    holder = python_process(
        """
        from deploy.local.servers import FolderLock
        FolderLock(folder).acquire()
        print("ready", flush=True)
        sys.stdin.read()
        """,
        state_folder,
    )
    assert holder.stdout.readline() == "ready\n"
    with pytest.raises(AlreadyRunningError, match=f"process {holder.pid}"):
        FolderLock(state_folder).acquire()
    holder.kill()
    holder.communicate()
    with FolderLock(state_folder):
        pass


PARENT = """
    from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey
    server = EmbeddedPostgres(folder) if kind == "postgres" else EmbeddedValkey(
        folder, persistent=True)
    server.start()
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def test_a_killed_parent_leaves_no_server_behind(make_server, state_folder):
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed: children are stopped at next start")
    parent = python_process(PARENT, state_folder, kind=make_server.__name__)
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    child.wait(20)
    server = make_server(state_folder)
    server.start()
    server.stop()


def test_an_orphan_of_a_killed_parent_is_replaced(make_server, state_folder):
    parent = python_process(PARENT, state_folder, kind=make_server.__name__, path="/nowhere")
    if AS_ROOT and make_server is postgres:
        parent.communicate()
        pytest.skip("root needs setpriv for PostgreSQL, and with it there are no orphans")
    orphan = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    assert orphan.is_running()
    server = make_server(state_folder)
    server.start()
    assert not orphan.is_running()
    server.stop()


def test_a_stale_pid_file_that_names_a_stranger_harms_nobody(make_server, state_folder):
    server = make_server(state_folder)
    server.start()
    server.stop()
    name = "data/postmaster.pid" if make_server is postgres else "valkey.pid"
    stranger = python_process("print('here', flush=True); sys.stdin.read()", state_folder)
    assert stranger.stdout.readline() == "here\n"
    (state_folder / name).write_text(f"{stranger.pid}\n{state_folder}/data\n")
    if make_server is valkey:
        server.start()
        server.stop()
    else:
        _start_despite_stranger(server)
    assert stranger.poll() is None
    stranger.communicate()


def _start_despite_stranger(server: EmbeddedPostgres) -> None:
    """PostgreSQL itself refuses while the stranger lives, which is safe; its words are shown."""
    try:
        server.start()
    except ServerStartError as exc:
        assert "postmaster.pid" in str(exc)  # noqa: PT017  (either end is right)
    server.stop()
