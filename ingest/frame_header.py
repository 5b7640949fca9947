"""What travels beside a JPEG: which frame it is, and what its picture is."""

from __future__ import annotations

from ingest.encoder import Picture
from schemas.messages import Frame


def frame_header(
    picture: Picture,
    *,
    room_id: str,
    camera_id: str,
    epoch: str,
    seq: int,
    captured_at: int,
    run_id: str = "",
) -> Frame:
    """The header of an encoded picture; `run_id` is a recording's, empty: live."""
    whole_width, whole_height = picture.whole or (0, 0)
    return Frame(
        room_id=room_id,
        camera_id=camera_id,
        epoch=epoch,
        seq=seq,
        captured_at=captured_at,
        width=picture.width,
        height=picture.height,
        matrix=picture.matrix,
        left=picture.left,
        top=picture.top,
        whole_width=whole_width,
        whole_height=whole_height,
        run_id=run_id,
    )
