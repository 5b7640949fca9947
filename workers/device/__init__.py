"""The analyser's fast path on a GPU: every step on the device, in batches of pictures and faces.

Torch is imported here and only here on the way to a face, so nothing outside imports this package
until a device asks for it. All of it runs on `torch.device("cpu")` too, and is tested there; what
only CUDA can do stands behind `graphs.py`, `transfer.py` and `decode.py`.

Shapes: B pictures of H x W pixels, K candidates for a face in each, N faces.
"""
