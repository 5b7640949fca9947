"""The embedded servers as real processes: starts, clean stops, kills, and errors that help."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from deploy.local import child_process
from deploy.local import state_folder as state_folder_module
from deploy.local.errors import (
    AlreadyRunningError,
    DiskFullError,
    PortInUseError,
    ServerStartError,
    StateFolderError,
)
from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey, FolderLock

Server = EmbeddedPostgres | EmbeddedValkey
AS_ROOT = os.geteuid() == 0


def postgres(folder: Path, **options) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder, durable=False, **options)


def valkey(folder: Path, **options) -> EmbeddedValkey:
    return EmbeddedValkey(folder, persistent=True, **options)


def frames_valkey(folder: Path) -> EmbeddedValkey:
    return EmbeddedValkey(folder, persistent=False)


@pytest.fixture(params=[postgres, valkey])
def make_server(request: pytest.FixtureRequest) -> Callable[..., Server]:
    return request.param


def libpq(url: str) -> str:
    return url.replace("+psycopg", "")


def remember(server: Server, url: str, word: str) -> None:
    if isinstance(server, EmbeddedPostgres):
        with psycopg.connect(libpq(url)) as connection:
            connection.execute("CREATE TABLE words AS SELECT %s::text AS word", [word])
    else:
        with redis.Redis.from_url(url) as client:
            client.set("word", word)


def recall(server: Server, url: str) -> str:
    if isinstance(server, EmbeddedPostgres):
        with psycopg.connect(libpq(url)) as connection:
            row = connection.execute("SELECT word FROM words").fetchone()
            return row[0]
    with redis.Redis.from_url(url) as client:
        return client.get("word").decode()


def test_what_was_written_is_there_after_a_restart(make_server, state_folder):
    first = make_server(state_folder)
    remember(first, first.start(), "kept")
    pid = first.pid
    first.stop()
    assert not psutil.pid_exists(pid)
    second = make_server(state_folder)
    assert recall(second, second.start()) == "kept"
    second.stop()


def test_the_url_stays_the_same_after_a_restart(make_server, state_folder):
    server = make_server(state_folder)
    first = server.start()
    server.stop()
    assert server.start() == first
    server.stop()


def test_stopping_twice_or_before_the_start_is_harmless(make_server, state_folder):
    server = make_server(state_folder)
    server.stop()
    server.start()
    server.stop()
    server.stop()
    assert not server.is_running()


def test_only_the_loopback_listens(make_server, state_folder):
    server = make_server(state_folder)
    server.start()
    port = int((state_folder / "port").read_text())
    listening = [
        connection.laddr.ip
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    ]
    server.stop()
    assert listening == ["127.0.0.1"]


def test_nobody_gets_in_without_the_password(state_folder):
    server = postgres(state_folder)
    url = libpq(server.start())
    secret = url.split(":")[2].partition("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(secret, "guess"))
    server.stop()
    assert stat.S_IMODE((state_folder / "password").stat().st_mode) == 0o600


def test_valkey_refuses_who_has_no_password(state_folder):
    server = valkey(state_folder)
    port = server.start().rpartition(":")[2].partition("/")[0]
    with (
        redis.Redis("127.0.0.1", int(port)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()
    server.stop()
    assert stat.S_IMODE((state_folder / "valkey.conf").stat().st_mode) == 0o600


def test_frames_leave_nothing_on_the_disk(state_folder):
    server = frames_valkey(state_folder)
    with redis.Redis.from_url(server.start()) as client:
        client.xadd("frames", {"jpeg": b"PICTURE" * 1000})
        for command in ("SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF"):
            with pytest.raises(redis.ResponseError, match="unknown command"):
                client.execute_command(command)
    server.stop()
    files = [path for path in state_folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"PICTURE" in path.read_bytes()]


def test_the_frames_server_starts_empty(state_folder):
    server = frames_valkey(state_folder)
    with redis.Redis.from_url(server.start()) as client:
        client.set("word", "gone")
    server.stop()
    with redis.Redis.from_url(server.start()) as client:
        assert client.dbsize() == 0
    server.stop()


def test_observations_survive_a_killed_server(state_folder):
    server = valkey(state_folder)
    with redis.Redis.from_url(server.start()) as client:
        client.set("word", "kept")
        assert client.execute_command("WAITAOF", 1, 0, 5000)[0] == 1
    psutil.Process(server.pid).kill()
    server.stop()
    assert recall(server, server.start()) == "kept"
    server.stop()


def test_rows_survive_a_killed_server(state_folder):
    server = EmbeddedPostgres(state_folder)
    remember(server, server.start(), "kept")
    psutil.Process(server.pid).kill()
    server.stop()
    assert recall(server, server.start()) == "kept"
    server.stop()


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
    holder = _python(
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
    parent = _python(PARENT, state_folder, kind=make_server.__name__)
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    child.wait(20)
    server = make_server(state_folder)
    server.start()
    server.stop()


def test_an_orphan_of_a_killed_parent_is_replaced(make_server, state_folder):
    parent = _python(PARENT, state_folder, kind=make_server.__name__, path="/nowhere")
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
    stranger = _python("print('here', flush=True); sys.stdin.read()", state_folder)
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


def test_a_port_in_use_is_explained(make_server, state_folder):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port {port} .* choose another port"):
            make_server(state_folder, port=port).start()


def test_a_port_taken_since_the_last_time_is_replaced(make_server, state_folder):
    server = make_server(state_folder)
    server.start()
    server.stop()
    port = int((state_folder / "port").read_text())
    with socket.create_server(("127.0.0.1", port)):
        assert f":{port}/" not in server.start()
    server.stop()


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


def test_a_half_made_cluster_is_made_anew(state_folder):
    (state_folder / "data.new").mkdir(parents=True)
    (state_folder / "data.new" / "PG_VERSION").write_text("18\n")
    server = postgres(state_folder)
    server.start()
    server.stop()


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


def test_a_normal_user_with_an_empty_home_can_start_both(tmp_path):
    if not AS_ROOT:
        pytest.skip("the other tests ran as a normal user already")
    home = tmp_path / "user"
    home.mkdir()
    shutil.chown(home, child_process.NOBODY, child_process.nobody_gid())
    code = """
        import os
        from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey
        for server in EmbeddedPostgres(folder / "p"), EmbeddedValkey(folder / "v", persistent=True):
            server.start()
            server.stop()
        print("done" if os.geteuid() else "root")
    """
    out, err = _python(code, home, as_nobody=True).communicate()
    assert out == "done\n", err


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(make_server, state_folder):
    server = make_server(state_folder)
    server.start()
    assert os.getsid(server.pid) != os.getsid(0)
    server.stop()


def test_the_log_does_not_name_pupils_in_failed_statements(state_folder):
    server = postgres(state_folder)
    with psycopg.connect(libpq(server.start())) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT 'Jane Doe'::int / %s", [0])
    server.stop()
    assert "Doe" not in _without_messages(server.log.read_text())


def _without_messages(log: str) -> str:
    """The log without PostgreSQL's own error messages, which quote a bad value."""
    return "\n".join(line for line in log.splitlines() if "ERROR:" not in line)


def _run(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _python(
    code: str, folder: Path, *, kind: str = "", path: str | None = None, as_nobody: bool = False
) -> subprocess.Popen[str]:
    """A Python process with `folder` and `kind` as variables; `path` replaces PATH."""
    head = f"import sys\nfrom pathlib import Path\nfolder, kind = Path({str(folder)!r}), {kind!r}\n"
    environment = {"HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    environment["PATH"] = os.environ["PATH"] if path is None else path
    command = [sys.executable, "-c", head + textwrap.dedent(code)]
    return subprocess.Popen(
        child_process.guarded(command, None, as_nobody=True) if as_nobody else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
