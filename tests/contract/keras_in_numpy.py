"""Evaluate a Keras file from its own description of its layers, in plain numpy and float64."""

import io
import json

import h5py
import numpy as np


class KerasInNumpy:
    """One picture (H, W, C) at a time, channels last."""

    def __init__(self, data: bytes) -> None:
        self.file = h5py.File(io.BytesIO(data), "r")
        self.layers = json.loads(self.file.attrs["model_config"])["config"]["layers"]

    def __call__(self, image: np.ndarray) -> np.ndarray:
        values: dict[str, np.ndarray] = {}
        for layer in self.layers:
            config, name = layer["config"], layer["config"]["name"]
            inputs = [values[source[0]] for source in (layer["inbound_nodes"] or [[]])[0]]
            values[name] = self.apply(layer["class_name"], config, inputs or [image])
        return values[name]

    def apply(self, kind: str, config: dict, inputs: list[np.ndarray]) -> np.ndarray:
        x = inputs[0]
        if kind == "InputLayer":
            return x
        if kind == "Conv2D":
            bias = self.weight(config, "bias") if config["use_bias"] else 0.0
            kernel = self.weight(config, "kernel")
            seen = windows(x, config["kernel_size"], config["strides"], config["padding"])
            return np.einsum("hwcij,ijco->hwo", seen, kernel) + bias
        if kind == "SeparableConv2D":
            seen = windows(x, config["kernel_size"], config["strides"], config["padding"])
            depth = np.einsum("hwcij,ijcm->hwc", seen, self.weight(config, "depthwise_kernel"))
            return depth @ self.weight(config, "pointwise_kernel")[0, 0]
        if kind == "BatchNormalization":
            scale = self.weight(config, "gamma") / np.sqrt(
                self.weight(config, "moving_variance") + config["epsilon"]
            )
            return (x - self.weight(config, "moving_mean")) * scale + self.weight(config, "beta")
        if kind == "MaxPooling2D":
            sizes = (config["pool_size"], config["strides"], config["padding"])
            return windows(x, *sizes, fill=-np.inf).max(axis=(3, 4))
        if kind == "Add":
            return inputs[0] + inputs[1]
        if kind == "GlobalAveragePooling2D":
            return x.mean(axis=(0, 1))
        assert kind == "Activation", kind
        if config["activation"] == "relu":
            return np.maximum(x, 0)
        assert config["activation"] == "softmax"
        return softmax(x)

    def weight(self, config: dict, part: str) -> np.ndarray:
        name = config["name"]
        return np.asarray(self.file[f"model_weights/{name}/{name}_1/{part}:0"], np.float64)


def windows(x, size, strides, padding, fill=0.0) -> np.ndarray:
    """Return what each output sees (H', W', C, h, w), padded as TensorFlow pads."""
    if padding == "same":
        ends = []
        for side, window, stride in zip(x.shape[:2], size, strides, strict=True):
            total = max((-(-side // stride) - 1) * stride + window - side, 0)
            ends.append((total // 2, total - total // 2))
        x = np.pad(x, [*ends, (0, 0)], constant_values=fill)
    found = np.lib.stride_tricks.sliding_window_view(x, tuple(size), axis=(0, 1))
    return found[:: strides[0], :: strides[1]]


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()
