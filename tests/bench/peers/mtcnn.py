"""facenet-pytorch's MTCNN with its defaults: boxes and five points, nothing else."""

from pathlib import Path

import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN
from protocol import Analyse, serve


def load(weights: Path) -> Analyse:
    torch.set_num_threads(1)
    detector = MTCNN(keep_all=True, device="cpu")

    def analyse(data: bytes) -> int:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        boxes, _, _ = detector.detect(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), landmarks=True)
        return 0 if boxes is None else len(boxes)

    return analyse


serve(load)
