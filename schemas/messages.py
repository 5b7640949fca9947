"""The messages on the wire: MessagePack structs in the fields of Redis stream entries.

Every entry has the fields `v` (major version), `kind` and `body` (MessagePack); a frame has
`jpeg` besides. Within a major version fields are only added, with defaults, and unknown ones are
ignored, so that services can be upgraded one after another. A newer major version is refused with
`NewerMessageError`: the reader must not ack it, but wait for its own upgrade.

Times are integer nanoseconds since the Unix epoch, UTC. Angles are degrees: yaw + = nose to image
right, pitch + = up, roll + = clockwise in the image. Ids are slugs from the site file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from schemas.errors import MalformedMessageError, NewerMessageError
from schemas.policy import PolicyRules
from schemas.room_plan import (
    CameraPlan,
    Lesson,
    Occurrence,
    RecordedMeeting,
    SeatDirection,
    SeatedStudent,
    Seating,
    StoredDirection,
)
from schemas.wire_types import Box, Counts, Pixels, ShortText, Slug, UnixNs

VERSION: Final = 1

FIELD_VERSION: Final = b"v"
FIELD_KIND: Final = b"kind"
FIELD_BODY: Final = b"body"
FIELD_JPEG: Final = b"jpeg"

MAX_FACES: Final = 512
MAX_BODY_BYTES: Final = 1 << 20
# A machine whose clock is further off raises an alert; its cameras are not fused with others.
MAX_CLOCK_OFFSET_MS: Final = 250

# The seed's order; every probability vector in the project uses it.
EXPRESSIONS: Final = (
    "surprise",
    "fear",
    "disgust",
    "happiness",
    "sadness",
    "anger",
    "neutral",
)

Fields = dict[bytes, bytes]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all messages; the subclass name in snake case is its `kind` on the wire."""


class Frame(Message, frozen=True):
    """Header of one sampled camera frame; its JPEG travels beside it (full-range YCbCr)."""

    room_id: Slug
    camera_id: Slug
    epoch: str  # one sortable id for each connection to the camera
    seq: Annotated[int, msgspec.Meta(ge=0)]  # counts sampled frames within the epoch
    captured_at: UnixNs
    width: Annotated[int, msgspec.Meta(ge=1, le=8192)]
    height: Annotated[int, msgspec.Meta(ge=1, le=8192)]
    matrix: Literal["bt601", "bt709"] = "bt601"  # of the planes inside the JPEG
    # Where this picture lies in the camera's whole picture; a width of 0: it is the whole.
    left: Pixels = 0
    top: Pixels = 0
    whole_width: Pixels = 0
    whole_height: Pixels = 0
    run_id: str = ""  # empty: live


class Face(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One face of one frame. Never landmarks, never pixels: they stay inside the worker."""

    box_xyxy: Box  # pixels of the frame
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]
    yaw_deg: float | None = None  # all three None: the pose fit was refused
    pitch_deg: float | None = None
    roll_deg: float | None = None
    eye_openness: tuple[float, float] | None = None  # EAR of the image-left, image-right eye
    presence: float | None = None  # 0..1, the landmark net's own opinion
    expression: tuple[float, float, float, float, float, float, float] | None = None
    quality: float | None = None  # 0..1, how much the measurements can be trusted
    static: bool = False  # nothing about it has moved for minutes: a poster or a screen


class FrameFaces(Message, frozen=True):
    """What a worker found in one frame; one for every frame that it took, also without a face."""

    room_id: Slug
    camera_id: Slug
    epoch: str
    seq: Annotated[int, msgspec.Meta(ge=0)]
    captured_at: UnixNs
    width: int
    height: int
    outcome: Literal["analysed", "expired", "dead"]
    faces: Annotated[tuple[Face, ...], msgspec.Meta(max_length=MAX_FACES)] = ()
    reason: ShortText = ""  # why it was not analysed
    analysed_at: UnixNs = 0
    model_version: str = ""
    run_id: str = ""


class CameraStatus(Message, frozen=True):
    """Ingest's word on one camera, once a second, also while the camera is down."""

    room_id: Slug
    camera_id: Slug
    at: UnixNs
    state: Literal["up", "down"]
    epoch: str = ""  # empty until the first connection
    last_seq: int = -1  # newest seq sampled in this epoch; -1: none yet
    refused: int = 0  # frames of this epoch that the frames server would not take
    max_gap_ms: int = 0  # longest wait between two packets since the last status
    reason: ShortText = ""  # why it is down, for people, without credentials
    cause: str = ""  # the same as a word of `ingest.errors.Cause`, empty while it is up
    ended: Counts = {}  # connections that ended since the last status, by cause
    # This machine's clock less the faces server's; None: not known.
    clock_offset_ms: int | None = None
    # The camera's own clock (RTCP sender reports) less `captured_at`; None: it sends none.
    camera_offset_ms: int | None = None
    run_id: str = ""


class EndOfStream(Message, frozen=True):
    """Ingest closed this camera on purpose: a clean shutdown or a film's end."""

    room_id: Slug
    camera_id: Slug
    at: UnixNs
    epoch: str = ""
    last_seq: int = -1
    run_id: str = ""


class Tick(Message, frozen=True):
    """Time goes on in a silent room; appended by the aggregator that holds the room's lease."""

    room_id: Slug
    run_id: str = ""


class RoomPlan(Message, frozen=True):
    """Control event: all of the site file that can change a row of this room, from `at` on."""

    room_id: Slug
    at: UnixNs
    site_id: Slug
    time_zone: str
    policy: PolicyRules
    cameras: tuple[CameraPlan, ...]
    lessons: tuple[Lesson, ...] = ()
    window_s: int = 10
    recording: RecordedMeeting | None = None  # of a run; live rooms have none
    run_id: str = ""
    occurrences: tuple[Occurrence, ...] = ()  # of calendars, sorted by start
    follows_calendar: bool = False  # then no occurrences mean no lessons, not that none are known
    seatings: tuple[Seating, ...] = ()
    # Only for a room whose own state knows no directions: it is new, or its state was lost.
    calibrations: tuple[StoredDirection, ...] = ()
    seated: tuple[SeatedStudent, ...] = ()  # sorted; empty where policy does not link


class ActivityChange(Message, frozen=True):
    """Control event: the class changes its activity at `at`."""

    room_id: Slug
    at: UnixNs
    activity: str
    source: str = "manual"
    run_id: str = ""


class CalibrationSet(Message, frozen=True):
    """Control event: somebody calibrated a camera by hand; holds from `at` on."""

    room_id: Slug
    at: UnixNs
    camera_id: Slug
    directions: Annotated[tuple[SeatDirection, ...], msgspec.Meta(max_length=512)]
    run_id: str = ""


class SeatsConfirmed(Message, frozen=True):
    """Control event: somebody says that from `at` on the room's seats are who sits in them."""

    room_id: Slug
    at: UnixNs
    run_id: str = ""


RoomMessage = (
    FrameFaces
    | CameraStatus
    | EndOfStream
    | Tick
    | RoomPlan
    | ActivityChange
    | CalibrationSet
    | SeatsConfirmed
)

_KINDS: Final[dict[bytes, type[Message]]] = {
    b"frame": Frame,
    b"frame_faces": FrameFaces,
    b"camera_status": CameraStatus,
    b"end_of_stream": EndOfStream,
    b"tick": Tick,
    b"room_plan": RoomPlan,
    b"activity_change": ActivityChange,
    b"calibration_set": CalibrationSet,
    b"seats_confirmed": SeatsConfirmed,
}
_KIND_OF: Final = {cls: kind for kind, cls in _KINDS.items()}
_DECODERS: Final = {kind: msgspec.msgpack.Decoder(cls) for kind, cls in _KINDS.items()}
_ENCODER: Final = msgspec.msgpack.Encoder()


def encode(message: Message, jpeg: bytes | None = None) -> Fields:
    """The stream fields of `message`, with the picture of a frame when there is one."""
    fields = {
        FIELD_VERSION: b"%d" % VERSION,
        FIELD_KIND: _KIND_OF[type(message)],
        FIELD_BODY: _ENCODER.encode(message),
    }
    if jpeg is not None:
        fields[FIELD_JPEG] = jpeg
    return fields


def decode(fields: Mapping[bytes, bytes]) -> Message:
    """The message in the fields of a stream entry.

    Raises:
        NewerMessageError: written by a newer major version; do not ack, wait for an upgrade.
        MalformedMessageError: anything else that is not one of our messages.
    """
    kind = fields.get(FIELD_KIND, b"")
    _check_version(fields.get(FIELD_VERSION), kind)
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise MalformedMessageError(f"unknown kind of message {kind[:32]!r}")
    body = fields.get(FIELD_BODY)
    if body is None:
        raise MalformedMessageError(f"message {kind.decode()!r} has no body")
    if len(body) > MAX_BODY_BYTES:
        raise MalformedMessageError(
            f"message {kind.decode()!r} has {len(body)} bytes, more than {MAX_BODY_BYTES}"
        )
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise MalformedMessageError(f"message {kind.decode()!r}: {exc}") from exc


def decode_frame(fields: Mapping[bytes, bytes]) -> tuple[Frame, bytes]:
    """The header and the JPEG bytes of an entry of a frames stream.

    Raises:
        NewerMessageError, MalformedMessageError: as `decode`.
    """
    message = decode(fields)
    if not isinstance(message, Frame):
        raise MalformedMessageError(
            f"expected a frame, got {_KIND_OF[type(message)].decode()!r} in a frames stream"
        )
    jpeg = fields.get(FIELD_JPEG)
    if not jpeg:
        raise MalformedMessageError("frame without a picture")
    return message, jpeg


def decode_room_message(fields: Mapping[bytes, bytes]) -> RoomMessage:
    """The message in an entry of a room's log.

    Raises:
        NewerMessageError, MalformedMessageError: as `decode`.
    """
    message = decode(fields)
    if isinstance(message, RoomMessage):
        return message
    raise MalformedMessageError(
        f"{_KIND_OF[type(message)].decode()!r} does not belong into a room's log"
    )


def _check_version(raw: bytes | None, kind: bytes) -> None:
    """Raise unless `raw` is a major version that this program understands."""
    if raw is None or not raw.isdigit():
        raise MalformedMessageError(f"message {kind[:32]!r} carries no version")
    version = int(raw[:9])
    if version > VERSION:
        raise NewerMessageError(
            f"message {kind[:32]!r} has version {version}, this program understands up to "
            f"{VERSION}: upgrade this service before the one that writes them"
        )
    if version < 1:
        raise MalformedMessageError(f"message {kind[:32]!r} has version {version}")
