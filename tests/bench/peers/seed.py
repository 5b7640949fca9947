"""FacePose_pytorch's way: the best face of the picture by a RetinaFace at 192 x 192 px in area,
cut out and given to PFLD; one face a picture, whatever the picture holds.

In favour of the original: its Caffe detector is stood in for by our RetinaFace (mobilenet 0.25,
as there), and it is loaded once, not anew for each frame. PFLD's weights are random: only its time
is asked for. As in the original, torch runs eagerly and keeps what gradients need.
"""

import math
from pathlib import Path

import cv2
import numpy as np
import torch
from protocol import Analyse, serve
from torchvision import transforms

from workers.models.pfld98_net import Pfld98Net
from workers.models.retinaface_net import RetinaFaceNet

AREA_SIDE_PX = 192


def load(weights: Path) -> Analyse:
    torch.set_num_threads(1)
    detector, points_of = RetinaFaceNet().eval(), Pfld98Net().eval()
    to_tensor = transforms.ToTensor()

    def analyse(data: bytes) -> int:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        x, y, side = best_square(detector, image)
        crop = cv2.resize(image[y : y + side, x : x + side], (112, 112))
        tensor = to_tensor(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)).unsqueeze(0)
        # Ours takes bytes, channels last, and scales them itself.
        points = points_of((tensor.permute(0, 2, 3, 1) * 255).to(torch.uint8))[0]
        points.detach().numpy()
        return 1

    return analyse


def best_square(detector: RetinaFaceNet, image: np.ndarray) -> tuple[int, int, int]:
    """Return left, top and side of a square about the most confident anchor."""
    height, width = image.shape[:2]
    ratio = math.sqrt(width / height)
    small = cv2.resize(image, (int(AREA_SIDE_PX * ratio), int(AREA_SIDE_PX / ratio)))
    padded = np.zeros((*(-(-side // 32) * 32 for side in small.shape[:2]), 3), np.uint8)
    padded[: small.shape[0], : small.shape[1]] = small
    with torch.no_grad():  # as OpenCV's runtime, which the original uses here
        scores = detector(torch.from_numpy(padded[None, :, :, ::-1].copy()))[0][0]
    row, column = divmod(int(scores.amax(dim=0).argmax()), scores.shape[2])
    side = min(96, height, width)
    x = min(column * 8 * width // small.shape[1], width - side)
    y = min(row * 8 * height // small.shape[0], height - side)
    return x, y, side


serve(load)
