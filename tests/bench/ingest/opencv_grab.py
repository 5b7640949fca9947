"""The same by a careful user: grab() for all frames, retrieve() only for those that are sent."""

import os

import cv2
import redis
from protocol import EVERY, TASK, read_all

cv2.setNumThreads(1)
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp|threads;1"
server = redis.Redis.from_url(TASK.frames_url)
quality = [cv2.IMWRITE_JPEG_QUALITY, TASK.jpeg_quality]


def read(number: int, sampled: list[int]) -> None:
    capture = cv2.VideoCapture(TASK.urls[number], cv2.CAP_FFMPEG)
    index = 0
    while True:
        if capture.grab() and index % EVERY == 0:
            _, picture = capture.retrieve()
            _, jpeg = cv2.imencode(".jpg", picture, quality)
            server.xadd(f"opencv:{number}", {"jpeg": jpeg.tobytes()}, maxlen=20)
            sampled[number] += 1
        index += 1


read_all(read)
