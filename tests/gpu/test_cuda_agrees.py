"""The device's path on a GPU gives what it gives on a CPU; and what only a GPU can show.

Written without a GPU at hand. Run it, and the benchmark beside it, with
`python -m tests.gpu.run_all`.
"""

import numpy as np
import pytest
import simplejpeg
import torch

from schemas.analysis import ModelChoices
from tests.agreement import distance
from tests.classroom_pictures import classroom, large_classroom
from workers.decode import decode_jpeg
from workers.device.decode import decode_jpegs, has_batch_decoder
from workers.device.pipeline import DevicePipeline
from workers.gpu import has_cuda
from workers.stages import View

pytestmark = [
    pytest.mark.skipif(not has_cuda(), reason="this machine has no CUDA GPU"),
    pytest.mark.usefixtures("weights"),
]


def pipeline(device: str, precision: str = "exact", mode: str = "graphs") -> DevicePipeline:
    models = ModelChoices(precision=precision)
    return DevicePipeline.load(device, models, expression=True, min_presence=0.5, mode=mode)


def measured(on: DevicePipeline, images):
    return on.measure(images, [View()] * len(images))


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [classroom(seed) for seed in range(4)] + [large_classroom(9)]


@pytest.fixture(scope="module")
def on_the_cpu(weights, pictures):
    return measured(pipeline("cpu"), pictures)


@pytest.fixture(scope="module")
def exact(weights) -> DevicePipeline:
    return pipeline("cuda")


def test_exact_on_the_gpu_is_exact_on_the_cpu(exact, pictures, on_the_cpu):
    apart = distance(measured(exact, pictures), on_the_cpu)
    assert apart.alone == 0, apart
    assert apart.same_unknown, apart
    assert apart.box_px <= 0.5, apart
    assert apart.angle_deg <= 0.2, apart
    assert apart.landmarks <= 0.01, apart
    assert apart.expression <= 0.05, apart


def test_fast_on_the_gpu_is_near_exact(pictures, on_the_cpu):
    apart = distance(measured(pipeline("cuda", "fast"), pictures), on_the_cpu)
    assert apart.alone <= 2, apart
    assert apart.median_landmarks <= 0.005, apart
    assert apart.median_angle_deg <= 0.2, apart


def test_a_replayed_graph_gives_what_single_kernels_give(exact, pictures):
    eager = measured(pipeline("cuda", mode="eager"), pictures)
    for _ in range(6):  # captured in the third run, replayed from then on
        apart = distance(measured(exact, pictures), eager)
        assert apart.alone == 0, apart
        assert apart.landmarks <= 1e-3, apart


def test_pictures_before_do_not_show_in_pictures_after(exact, pictures):
    first = measured(exact, pictures[:1])
    for _ in range(5):
        measured(exact, pictures[1:2])
    again = measured(exact, pictures[:1])
    assert distance(first, again).landmarks <= 1e-3


def test_no_kernel_waits_for_the_host(exact, pictures):
    for _ in range(4):
        measured(exact, pictures)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert measured(exact, pictures) is not None
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_memory_stays_flat_over_many_batches(exact, pictures):
    for _ in range(6):
        measured(exact, pictures)
    torch.cuda.synchronize()
    before = torch.cuda.memory_reserved()
    for count in range(100):
        measured(exact, pictures[: 1 + count % len(pictures)])
    torch.cuda.synchronize()
    growth = torch.cuda.memory_reserved() - before
    assert growth <= 256 * 2**20, f"{growth / 2**20:.0f} MiB more"


def test_when_memory_is_short_the_faces_are_the_same(pictures, on_the_cpu):
    tight = pipeline("cuda")
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    allowed = torch.cuda.memory_reserved() + 700 * 2**20
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total))
    try:
        found = measured(tight, pictures * 8)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert len(found.confidence) == 8 * len(on_the_cpu.confidence)


@pytest.mark.skipif(not has_batch_decoder(), reason="torchcodec is not installed (extra gpu)")
def test_nvjpeg_unpacks_what_libjpeg_unpacks(pictures):
    jpegs = [simplejpeg.encode_jpeg(picture, quality=90) for picture in pictures]
    for jpeg, image in zip(jpegs, decode_jpegs(jpegs, torch.device("cuda")), strict=True):
        difference = np.abs(image.cpu().numpy().astype(int) - decode_jpeg(jpeg))
        assert difference.mean() <= 1.0
        assert np.percentile(difference, 99.9) <= 8


@pytest.mark.slow
def test_torch_compile_gives_the_same_faces(pictures, on_the_cpu):
    apart = distance(measured(pipeline("cuda", mode="compile"), pictures), on_the_cpu)
    assert apart.alone == 0, apart
    assert apart.angle_deg <= 0.2, apart
