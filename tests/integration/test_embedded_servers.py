"""The embedded servers as real processes: starts, clean stops, kills, and who gets in."""

import os
import shutil
import socket
import stat
from collections.abc import Callable

import psutil
import psycopg
import pytest
import redis

from deploy.local import child_process
from deploy.local.servers import EmbeddedPostgres
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


def test_a_port_taken_since_the_last_time_is_replaced(make_server, state_folder):
    server = make_server(state_folder)
    server.start()
    server.stop()
    port = int((state_folder / "port").read_text())
    with socket.create_server(("127.0.0.1", port)):
        assert f":{port}/" not in server.start()
    server.stop()


def test_a_half_made_cluster_is_made_anew(state_folder):
    (state_folder / "data.new").mkdir(parents=True)
    (state_folder / "data.new" / "PG_VERSION").write_text("18\n")
    server = postgres(state_folder)
    server.start()
    server.stop()


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
    out, err = python_process(code, home, as_nobody=True).communicate()
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
