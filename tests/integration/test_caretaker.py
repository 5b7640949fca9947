"""The caretaker of the embedded servers, over real ones; the clock is ours."""

import psutil
import pytest
import redis

from deploy.local.caretaker import RETRY_REWRITE_S, REWRITE_EVERY_S, Caretaker
from deploy.local.errors import LocalError
from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey
from deploy.local.stack import running_servers
from schemas.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faces(state_folder):
    server = EmbeddedValkey(state_folder, persistent=True)
    yield server
    server.stop()


def rewrites(client: redis.Redis) -> int:
    """How often the file was rewritten, once the rewrite under way is done."""
    while client.info("persistence")["aof_rewrite_in_progress"]:
        pass
    return int(client.info("persistence")["aof_rewrites"])


def test_the_append_only_file_is_rewritten_every_hour(faces, clock):
    url = faces.start()
    caretaker = Caretaker({faces: url}, url, clock)
    with redis.Redis.from_url(url) as client:
        at_start = rewrites(client)
        for hour in range(1, 4):
            clock.now_s = hour * REWRITE_EVERY_S - 1
            caretaker.look()
            assert rewrites(client) == at_start + hour - 1
            clock.now_s = hour * REWRITE_EVERY_S
            caretaker.look()
            caretaker.look()
            assert rewrites(client) == at_start + hour


def test_what_was_trimmed_leaves_the_disk_with_the_rewrite(faces, clock, state_folder):
    url = faces.start()
    with redis.Redis.from_url(url) as client:
        client.set("pupil", "Jane Doe")
        client.delete("pupil")
        client.execute_command("WAITAOF", 1, 0, 5000)
        assert b"Jane Doe" in everything_below(state_folder)
        clock.now_s = 0
        caretaker = Caretaker({faces: url}, url, clock)
        clock.now_s = REWRITE_EVERY_S
        caretaker.look()
        rewrites(client)
    faces.stop()
    assert b"Jane Doe" not in everything_below(state_folder)


def test_a_rewrite_that_could_not_be_asked_for_is_tried_again_soon(faces, clock):
    url = faces.start()
    caretaker = Caretaker({}, url, clock)  # nobody starts the server again
    faces.stop()
    clock.now_s = REWRITE_EVERY_S
    caretaker.look()
    faces.start()
    with redis.Redis.from_url(url) as client:
        at_start = rewrites(client)
        caretaker.look()
        assert rewrites(client) == at_start
        clock.now_s += RETRY_REWRITE_S
        caretaker.look()
        assert rewrites(client) == at_start + 1


def test_a_killed_server_comes_back_at_its_old_place_with_its_content(faces, clock):
    url = faces.start()
    with redis.Redis.from_url(url) as client:
        client.set("word", "kept")
        client.execute_command("WAITAOF", 1, 0, 5000)
    caretaker = Caretaker({faces: url}, url, clock)
    killed = faces.pid
    psutil.Process(killed).kill()
    psutil.Process(killed).wait(10)
    caretaker.look()
    assert faces.pid != killed
    with redis.Redis.from_url(url) as client:
        assert client.get("word") == b"kept"


def test_a_living_server_is_left_alone(faces, clock):
    url = faces.start()
    pid = faces.pid
    Caretaker({faces: url}, url, clock).look()
    assert faces.pid == pid


def test_a_server_that_cannot_come_back_says_why(state_folder, clock):
    server = EmbeddedPostgres(state_folder, durable=False)
    caretaker = Caretaker({server: server.start()}, None, clock)
    psutil.Process(server.pid).kill()
    (state_folder / "data" / "global" / "pg_control").unlink()
    while server.is_running():
        pass
    with pytest.raises(LocalError, match="PostgreSQL did not start"):
        caretaker.look()


def test_servers_of_somebody_else_are_nobodys_care_here(tmp_path, valkey_server):
    settings = Settings(redis_url=valkey_server, database_url="postgresql://h/d")
    with running_servers(tmp_path / "state", settings, cameras=1) as servers:
        assert servers.embedded == ()
        servers.caretaker.look()
        assert servers.settings.require_faces_url() == valkey_server


def test_the_embedded_servers_are_under_care_and_stopped_at_the_end(tmp_path):
    settings = Settings(database_url="postgresql://h/d", redis_url=None)
    with running_servers(tmp_path / "state", settings, cameras=1) as servers:
        assert servers.embedded == ("frames_url", "faces_url")
        below = psutil.Process().children()
        mine = [p for p in below if str(tmp_path) in " ".join(p.cmdline())]
        assert len(mine) == 2
        mine[0].kill()
        mine[0].wait(10)
        servers.caretaker.look()
        with redis.Redis.from_url(servers.settings.require_frames_url()) as client:
            assert client.ping()
    left = [p for p in psutil.Process().children() if str(tmp_path) in " ".join(p.cmdline())]
    assert left == []


def everything_below(folder) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
