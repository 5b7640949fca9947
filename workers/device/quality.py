"""What quality and stillness are judged by, taken from the crops on the device.

The maths of `workers.quality.sharpness` and `workers.static_faces.thumbnails` on tensors.
"""

from typing import Final

import torch
from torch import Tensor

from workers.device.resample import scale_batch
from workers.static_faces import THUMBNAIL_PX

_FACE_PX: Final = 85
_FLAT: Final = 16.0
_GREY_WEIGHTS, _GREY_SHIFT = (9798, 19235, 3735), 15  # OpenCV's, in 32,768ths


def grey(faces: Tensor) -> Tensor:
    """Return pictures (N, S, S, 3) uint8 as grey ones (N, S, S), in OpenCV's whole numbers."""
    red, green, blue = (
        channel * weight
        for channel, weight in zip(faces.to(torch.int32).unbind(dim=3), _GREY_WEIGHTS, strict=True)
    )
    return ((red + green + blue + (1 << (_GREY_SHIFT - 1))) >> _GREY_SHIFT).to(torch.uint8)


def sharpness(crops: Tensor, margin: float) -> Tensor:
    """Return the sharpness (N,) of faces; see `workers.quality.sharpness`.

    Args:
        crops: (N, S, S, 3) uint8 RGB.
        margin: a crop's side over the face box's longer side.
    """
    side = crops.shape[1]
    start = round((side - side / max(margin, 1.0)) / 2)
    inner = grey(crops[:, start : side - start, start : side - start])[..., None]
    shrink = inner.shape[1] > _FACE_PX
    face = scale_batch(inner, _FACE_PX, _FACE_PX, shrink=shrink)[..., 0].float()
    around = face[:, :-2, 1:-1] + face[:, 2:, 1:-1] + face[:, 1:-1, :-2] + face[:, 1:-1, 2:]
    edges = around - 4.0 * face[:, 1:-1, 1:-1]
    contrast = face.flatten(1).var(dim=1, correction=0)
    return edges.flatten(1).var(dim=1, correction=0) / (contrast + _FLAT)


def thumbnails(crops: Tensor) -> Tensor:
    """Return grey thumbnails (N, 16, 16) float32 of crops (N, S, S, 3) uint8 RGB."""
    return grey(scale_batch(crops, THUMBNAIL_PX, THUMBNAIL_PX, shrink=True)).float()
