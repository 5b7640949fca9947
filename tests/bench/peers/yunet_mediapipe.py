"""OpenCV's FaceDetectorYN, then MediaPipe's FaceLandmarker on each face cut out.

The usual way to give MediaPipe a classroom: asked for 30 faces at once it finds none of this size.
The crop is twice the box: its own detector looks for the face in it once more. The head's rotation
is asked for; the expression scores are not (they cost a few per cent more), though the analyser's
time has expressions in it.
"""

from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from protocol import Analyse, serve


def load(weights: Path) -> Analyse:
    detector = cv2.FaceDetectorYN.create(
        str(weights / "face_detection_yunet_2023mar.onnx"), "", (320, 320), 0.6, 0.3
    )
    landmarker = vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(weights / "face_landmarker.task")),
            num_faces=1,
            output_facial_transformation_matrixes=True,
        )
    )

    def analyse(data: bytes) -> int:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        height, width = image.shape[:2]
        detector.setInputSize((width, height))
        _, faces = detector.detect(image)
        found = 0
        for x, y, w, h in faces[:, :4] if faces is not None else ():
            side = max(w, h)
            left, top = max(0, int(x + w / 2 - side)), max(0, int(y + h / 2 - side))
            right, bottom = min(width, int(left + 2 * side)), min(height, int(top + 2 * side))
            crop = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_BGR2RGB)
            answer = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=crop))
            found += bool(answer.face_landmarks)
        return found

    return analyse


serve(load)
