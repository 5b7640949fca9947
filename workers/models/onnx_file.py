"""Read the weights of convolutions out of an ONNX file, in the order in which they are applied."""

import numpy as np
import onnx
from onnx import numpy_helper

from workers.models.ordered_weights import Array

_EPSILON = "epsilon"


def convolutions(data: bytes) -> list[Array]:
    """Return weight and bias of every convolution of the graph, in order.

    A transposed convolution without a bias comes with the batch normalisation that follows it
    folded in. A convolution applied a second time (its weights are then an alias) is not repeated.

    Args:
        data: the ONNX file's bytes.
    """
    graph = onnx.load_from_string(data).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    after = {node.input[0]: node for node in graph.node if node.op_type == "BatchNormalization"}
    arrays: list[Array] = []
    for node in graph.node:
        names = [name for name in node.input[1:] if name in values]
        if node.op_type == "Conv":
            arrays += [np.asarray(values[name], np.float32) for name in names]
        elif node.op_type == "ConvTranspose":
            arrays += _folded(values[names[0]], after[node.output[0]], values)
    return arrays


def _folded(kernel: Array, norm: onnx.NodeProto, values: dict[str, Array]) -> list[Array]:
    """Fold a batch normalisation into the transposed convolution (in, out, h, w) before it."""
    gain, shift, mean, variance = (values[name].astype(np.float64) for name in norm.input[1:])
    epsilon = next(part.f for part in norm.attribute if part.name == _EPSILON)
    factor = gain / np.sqrt(variance + epsilon)
    scaled = kernel * factor[None, :, None, None]
    return [scaled.astype(np.float32), (shift - mean * factor).astype(np.float32)]
