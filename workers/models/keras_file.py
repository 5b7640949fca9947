"""Read the weights of a Keras HDF5 file, layer by layer, in torch's layout."""

import io
from collections.abc import Iterator

import h5py
import numpy as np

from workers.errors import WeightsFormatError
from workers.models.ordered_weights import Array


class KerasFile:
    """The tensors of a Keras 2 model by the names of its layers.

    Args:
        data: the file's bytes.
        name: of the weights, for errors.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        try:
            self._layers = h5py.File(io.BytesIO(data), "r")["model_weights"]
        except (OSError, KeyError) as exc:
            raise WeightsFormatError(f"{name}: not a Keras model in HDF5") from exc

    def kernel(self, layer: str) -> Array:
        """Return a convolution's kernel (out, in, h, w)."""
        return self.tensor(layer, "kernel").transpose(3, 2, 0, 1)

    def separable(self, layer: str) -> Iterator[Array]:
        """Yield a separable convolution's kernels, (in, 1, h, w) and (out, in, 1, 1)."""
        yield self.tensor(layer, "depthwise_kernel").transpose(2, 3, 0, 1)
        yield self.tensor(layer, "pointwise_kernel").transpose(3, 2, 0, 1)

    def norm(self, layer: str) -> Iterator[Array]:
        """Yield a batch normalisation's gain, shift, mean and variance."""
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            yield self.tensor(layer, part)

    def tensor(self, layer: str, part: str) -> Array:
        """Return one tensor as it stands in the file.

        Raises:
            WeightsFormatError: there is none of that name.
        """
        path = f"{layer}/{layer}_1/{part}:0"
        if path not in self._layers:
            raise WeightsFormatError(f"{self._name}: no tensor {path}")
        return np.asarray(self._layers[path], np.float32)
