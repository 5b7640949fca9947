"""Fill a torch module with arrays that a file lists in the order in which they are applied.

The files name their tensors by number or not at all; the order of the operations is what file and
module share. Every shape is checked, so another network or another export is refused.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from workers.errors import WeightsFormatError

Array = NDArray[np.float32]


def fill_in_order(parameters: Iterable[torch.Tensor], arrays: Iterable[Array], name: str) -> None:
    """Copy `arrays` into `parameters`, one after the other.

    Args:
        parameters: in the order in which the network applies them.
        arrays: the same, from the file, already in torch's layout.
        name: of the weights, for the error.

    Raises:
        WeightsFormatError: the numbers of tensors or a shape differ.
    """
    wanted, found = list(parameters), list(arrays)
    if len(wanted) != len(found):
        raise WeightsFormatError(f"{name}: expected {len(wanted)} tensors, found {len(found)}")
    for index, (parameter, array) in enumerate(zip(wanted, found, strict=True)):
        if tuple(parameter.shape) != array.shape:
            raise WeightsFormatError(
                f"{name}: tensor {index} has shape {array.shape}, expected {tuple(parameter.shape)}"
            )
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(np.array(array, np.float32)))
