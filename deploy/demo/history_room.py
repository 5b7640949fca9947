"""One room's lessons from their truth through the aggregator's reducer and store.

Everything that the database gets is the aggregator's own: `Room` makes the rows, `Store` writes
them. Only the log in between is not there: its entries go from the noise model into the room.

The room is one of its own beside the live one: its state stands under the run `RUN_ID`. The live
room then begins as a new one, at the log that its cameras write; with the state of the last lesson
it would go on from there instead, and judge today's by what it had learned. For the reducer it is
no recording's run, though: lessons come from a timetable, cameras have minutes, fronts are learned.
"""

from __future__ import annotations

import datetime as dt
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from aggregator.errors import SnapshotError
from aggregator.garbage import collecting_seldom
from aggregator.leases import Lease, LeaseKeeper
from aggregator.plan import build_plan
from aggregator.reference import Places
from aggregator.room import Room
from aggregator.room_state import SNAPSHOT_VERSION
from aggregator.rows import Rows
from aggregator.store import Store, StoredState
from deploy.demo.history_class import FPS, ScriptedClass, script_class
from deploy.demo.history_outages import Connections, connections
from deploy.demo.history_plan import MINUTES, HistoryLesson
from deploy.lesson.degrade import Degrader
from deploy.lesson.log import NS, CameraAnswers, Entry, write_log
from deploy.lesson.noise_model import load_noise
from deploy.local.errors import LocalError
from deploy.simulator import scene
from deploy.simulator.site_file import camera_block
from schemas.database import connect, create_engine
from schemas.messages import RoomPlan, Tick
from schemas.site import WEEKDAYS, Site
from schemas.sync import mask_bits
from workers.geometry.canonical_mesh import load_canonical_mesh

RUN_ID: Final = "history"
NOTHING_LEFT: Final = b""  # the snapshot of a room whose lessons are all written
_CLAIM_S: Final = 5.0  # a killed demo's lease runs out after 3 s
_ACTIVITY: Final = "lecture"
Tell = Callable[[int], bool]
"""Told how many lessons of the room are written; False: end early."""


@dataclass(frozen=True)
class RoomTask:
    """What one process does.

    Attributes:
        database_url: migrated, and the site is in it.
        site: the demo's.
        room: with its seats and cameras.
        lessons: of the room, the earliest first.
        seed: of the class.
    """

    database_url: str
    site: Site
    room: scene.Room
    lessons: tuple[HistoryLesson, ...]
    seed: int


def play_room(task: RoomTask, tell: Tell) -> None:
    """Write the rows of all lessons that are not written yet.

    Raises:
        LocalError: another demo writes this room's history.
        LeaseLostError: the same, later.
        UnknownPlaceError: the site is not in the database.
    """
    engine = create_engine(task.database_url, pooled=False)
    places = Places(task.site.site.id)
    with connect(engine) as connection:
        places.load(connection)
        bits = mask_bits(connection, task.site.site.id)
    keeper = LeaseKeeper(engine, f"{socket.gethostname()}:history:{task.room.id}", RUN_ID)
    lease = _claim(keeper, places.room(task.room.id))
    try:
        with collecting_seldom():
            _play(task, Store(engine, places), lease, keeper, bits, tell)
    finally:
        keeper.release([lease])
        engine.dispose()


def _play(
    task: RoomTask,
    store: Store,
    lease: Lease,
    keeper: LeaseKeeper,
    bits: dict[str, int],
    tell: Tell,
) -> None:
    room = _stored_room(store.load(lease), task.room.id)
    if room is None or not tell(0):
        return
    scripted = script_class(load_canonical_mesh(), task.room, task.seed)
    plan = _plan(task, scripted, bits)
    cameras = connections(task.lessons, FPS)
    for number, (lesson, camera) in enumerate(zip(task.lessons, cameras, strict=True), start=1):
        rows: Rows = []
        if lesson.start_s + 60 * MINUTES > room.state.cursor:
            for entry_id, message in _log(plan, scripted, lesson, camera):
                rows += room.feed(entry_id, message)
        keeper.renew([lease])
        snapshot = NOTHING_LEFT if number == len(task.lessons) else room.snapshot()
        store.commit(lease, rows, StoredState(room.position, snapshot, SNAPSHOT_VERSION))
        if not tell(number):
            return


def _claim(keeper: LeaseKeeper, room_id: int) -> Lease:
    deadline_s = time.monotonic() + _CLAIM_S
    while time.monotonic() < deadline_s:
        for lease in keeper.claim([room_id]):
            return lease
        time.sleep(0.2)
    raise LocalError("another demo writes its history into this database just now; wait for it")


def _stored_room(state: StoredState | None, room_id: str) -> Room | None:
    """Where an earlier attempt ended; None: all is written."""
    if state is None:
        return Room.new(room_id)
    if state.snapshot == NOTHING_LEFT:
        return None
    try:
        return Room.restore(state.snapshot, state.version)
    except SnapshotError:  # by another version of this program: rows that are there stay
        return Room.new(room_id)


def _plan(task: RoomTask, scripted: ScriptedClass, bits: dict[str, int]) -> RoomPlan:
    """The room with its first camera, and with a timetable, which the demo's site has not."""
    camera = camera_block(scripted.usual, "rtsp://127.0.0.1:1/history", FPS)
    room = {"id": task.room.id, "name": task.room.name, "cameras": [camera]}
    zone = ZoneInfo(task.site.site.time_zone)
    block = {
        "version": 1,
        "site": task.site.site.model_dump(mode="json"),
        "policy": task.site.policy.model_dump(mode="json", exclude_none=True),
        "rooms": [room],
        "timetable": [_rule(lesson, task.room.id, zone) for lesson in task.lessons],
    }
    site = Site.model_validate(block)
    return build_plan(site, site.rooms[0], bits, 0)


def _rule(lesson: HistoryLesson, room_id: str, zone: ZoneInfo) -> dict[str, object]:
    """A lesson of one day, as a site file's timetable has it."""
    start = lesson.start.astimezone(zone)
    day = f"{start:%Y-%m-%d}"
    return {
        "id": f"{lesson.class_id}-{day}", "room": room_id, "class": lesson.class_id,
        "weekdays": [WEEKDAYS[start.weekday()]], "from": day, "until": day,
        "start": f"{start:%H:%M}", "end": f"{start + dt.timedelta(minutes=MINUTES):%H:%M}",
        "activity": _ACTIVITY,
    }  # fmt: skip


def _log(
    plan: RoomPlan, scripted: ScriptedClass, lesson: HistoryLesson, camera: Connections
) -> Iterator[Entry]:
    """The lesson's log; where no camera is, time goes on all the same."""
    start_ns = lesson.start_s * NS
    plan = msgspec.structs.replace(plan, at=start_ns - NS)
    if not lesson.is_seen:
        yield _at(start_ns - NS), plan
        for second in range(60 * MINUTES + 30):
            yield _at(start_ns + second * NS), Tick(room_id=plan.room_id)
        return
    degrader = Degrader(load_noise(), lesson.seed)
    truth = scripted.truth(lesson)
    answers = CameraAnswers(
        truth=truth,
        students=degrader.answers(truth),
        bystanders=degrader.answers(scripted.bystanders),
        false_faces=degrader.false_faces(truth),
    )
    for entry_id, message in write_log(plan, [answers], start_ns, lesson.seed):
        heard = camera.heard(message)
        if heard is not None:
            yield entry_id, heard


def _at(at_ns: int) -> str:
    return f"{at_ns // 1_000_000}-0"
