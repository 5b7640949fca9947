"""JPEGs to pictures on the device: nvJPEG where torchcodec is installed, else the host's decoder.

A camera's JPEG is about a twentieth of its picture: sending the bytes and unpacking them on the GPU
spares the host its largest share. nvJPEG rounds otherwise than libjpeg, by a level or two.
"""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np
import structlog
import torch
from torch import Tensor

from workers import decode as host
from workers.device.transfer import upload
from workers.errors import DecodeError

Matrix = Literal["bt601", "bt709"]
_BATCH_DECODER = "torchcodec.decoders"
_EXIF: Final = b"Exif\x00"
_HEADER_BYTES = 65_536

_log = structlog.get_logger(__name__)


def decode_jpegs(
    jpegs: Sequence[bytes],
    device: torch.device,
    matrices: Sequence[Matrix] | None = None,
    max_side_px: int = host.MAX_SIDE_PX,
) -> list[Tensor]:
    """Return the pictures, each (H, W, 3) uint8 RGB on the device.

    Args:
        jpegs: each a JPEG; grey ones come out as RGB.
        device: where to.
        matrices: of the planes inside, see `workers.decode.decode_jpeg`; by default BT.601.
        max_side_px: larger ones are refused before they are unpacked.

    Raises:
        DecodeError: one of them is no JPEG, broken or too large; it says which.
    """
    for index, jpeg in enumerate(jpegs):
        check_header(jpeg, max_side_px, f"picture {index}: ")
    images = _decode_batch(jpegs, device)
    if matrices is None:
        return images
    return [
        mend_bt709(image) if matrix == "bt709" else image
        for image, matrix in zip(images, matrices, strict=True)
    ]


def check_header(jpeg: bytes, max_side_px: int, which: str = "") -> tuple[int, int]:
    """Return height and width as the JPEG's header tells them.

    Raises:
        DecodeError: not a JPEG, or larger than `max_side_px` on a side.
    """
    try:
        return host.jpeg_size(jpeg, max_side_px)
    except DecodeError as exc:
        raise DecodeError(f"{which}{exc}") from exc


def mend_bt709(image: Tensor) -> Tensor:
    """Correct a picture (H, W, 3) whose BT.709 planes were unpacked as BT.601."""
    matrix = torch.from_numpy(host._BT601_TO_BT709.astype(np.float32)).to(image.device)  # noqa: SLF001
    pixels = image.float()
    # Written out: as a product of matrices a GPU might round the levels to TF32's ten bits.
    mended = sum(pixels[..., i, None] * matrix[:, i] for i in range(3))
    return torch.as_tensor(mended).round_().clamp_(0, 255).to(torch.uint8)


def has_batch_decoder() -> bool:
    """Tell whether torchcodec, which brings nvJPEG along, is installed (the extra `gpu`)."""
    return importlib.util.find_spec("torchcodec") is not None


def _decode_batch(jpegs: Sequence[bytes], device: torch.device) -> list[Tensor]:
    # torchcodec turns a picture by its EXIF note, the host's decoder does not: cameras write none.
    plain = all(_EXIF not in jpeg[:_HEADER_BYTES] for jpeg in jpegs)
    if device.type == "cuda" and plain and has_batch_decoder():
        decode: Callable[..., list[Tensor]] = importlib.import_module(_BATCH_DECODER).decode_jpeg
        try:
            # One call of nvJPEG for the batch. Not run on a GPU yet: see tests/gpu.
            images = decode(list(jpegs), mode="RGB", device=device)
        except RuntimeError as exc:
            # It does not say which picture; the host's decoder does, and may be more patient.
            _log.warning("nvJPEG refused a batch", action="nvjpeg_failed", error=str(exc)[:200])
        else:
            return [image.permute(1, 2, 0) for image in images]
    return [upload([_decode_one(n, jpeg)], device)[0] for n, jpeg in enumerate(jpegs)]


def _decode_one(index: int, jpeg: bytes) -> host.Image:
    try:
        return host.decode_jpeg(jpeg)
    except DecodeError as exc:
        raise DecodeError(f"picture {index}: {exc}") from exc
