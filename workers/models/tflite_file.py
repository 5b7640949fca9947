"""Take the constant tensors out of a TFLite file, in the order in which they are applied."""

import numpy as np
import tflite
from numpy.typing import NDArray

from workers.errors import WeightsFormatError
from workers.models.ordered_weights import Array

_DTYPES = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.FLOAT32: np.float32}
_OPS = tflite.BuiltinOperator


def convolutions_and_prelus(data: bytes) -> list[Array]:
    """Return weight and bias of each convolution and slope of each PReLU, in torch's layout.

    Raises:
        WeightsFormatError: not a TFLite file, or a tensor of an unexpected type.
    """
    if data[4:8] != b"TFL3":
        raise WeightsFormatError("not a TFLite file: its mark TFL3 is missing")
    reader = _Reader(tflite.Model.GetRootAsModel(data, 0))
    arrays: list[Array] = []
    for kind, inputs in reader.operations():
        if kind == _OPS.CONV_2D:
            arrays += [reader.tensor(inputs[1]).transpose(0, 3, 1, 2), reader.tensor(inputs[2])]
        elif kind == _OPS.DEPTHWISE_CONV_2D:
            arrays += [reader.tensor(inputs[1]).transpose(3, 0, 1, 2), reader.tensor(inputs[2])]
        elif kind == _OPS.PRELU:
            arrays.append(reader.tensor(inputs[1]).reshape(-1))
    return arrays


class _Reader:
    """The one subgraph of a model; float16 weights are found behind their DEQUANTIZE."""

    def __init__(self, model: tflite.Model) -> None:
        self.model = model
        self.graph = model.Subgraphs(0)
        self.widened = {
            int(op.OutputsAsNumpy()[0]): int(op.InputsAsNumpy()[0])
            for op, kind in self._all()
            if kind == _OPS.DEQUANTIZE
        }

    def operations(self) -> list[tuple[int, list[int]]]:
        """Return each operation's kind and the indices of its inputs."""
        return [(kind, [int(i) for i in op.InputsAsNumpy()]) for op, kind in self._all()]

    def tensor(self, index: int) -> Array:
        """Return a constant tensor as float32."""
        tensor = self.graph.Tensors(self.widened.get(index, index))
        if tensor.Type() not in _DTYPES:
            raise WeightsFormatError(f"tensor {index} has the unknown type {tensor.Type()}")
        raw: NDArray[np.uint8] = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        values = np.frombuffer(raw.tobytes(), _DTYPES[tensor.Type()]).astype(np.float32)
        return values.reshape(tensor.ShapeAsNumpy())

    def _all(self) -> list[tuple[tflite.Operator, int]]:
        found = []
        for i in range(self.graph.OperatorsLength()):
            op = self.graph.Operators(i)
            code = self.model.OperatorCodes(op.OpcodeIndex())
            # Old files use the narrow field, new ones the wide; the other one is 0.
            found.append((op, max(code.BuiltinCode(), code.DeprecatedBuiltinCode())))
        return found
