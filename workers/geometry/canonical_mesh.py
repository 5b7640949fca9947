"""The canonical face: 468 points of an average face, and which of them carry the pose.

Source: `geometry_pipeline_metadata_landmarks.binarypb` inside MediaPipe's face_landmarker.task
(message GeometryPipelineMetadata of mediapipe/tasks/cc/vision/face_geometry/proto).

Axes of the mesh: x to the image's right, y up, z towards the camera, in centimetres. Point i of
the mesh is point i of the 478 landmarks; the last ten landmarks (irises) have no vertex.
"""

import io
import zipfile
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workers.errors import WeightsFormatError
from workers.geometry.protobuf import Fields, floats, integers, read_message
from workers.weights import read_weights

N_VERTICES = 468
N_TRIANGLES = 898
Scalar = TypeVar("Scalar", bound=np.generic)
_MEMBER = "geometry_pipeline_metadata_landmarks.binarypb"


@dataclass(frozen=True, slots=True)
class CanonicalMesh:
    """An average face as a textured mesh.

    Attributes:
        vertices: (468, 3) float64 [cm], x right, y up, z towards the camera.
        uv: (468, 2) float64 in 0..1, as in the file.
        triangles: (898, 3) int64, indices of vertices.
        procrustes_weights: (468,) float64, 0 for the points that say nothing about the pose.
    """

    vertices: NDArray[np.float64]
    uv: NDArray[np.float64]
    triangles: NDArray[np.int64]
    procrustes_weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        shapes = (self.vertices.shape, self.uv.shape, self.triangles.shape)
        expected = ((N_VERTICES, 3), (N_VERTICES, 2), (N_TRIANGLES, 3))
        if shapes != expected or self.procrustes_weights.shape != (N_VERTICES,):
            raise WeightsFormatError(
                f"canonical mesh: expected shapes {expected} and ({N_VERTICES},), got {shapes} "
                f"and {self.procrustes_weights.shape}"
            )


@cache
def load_canonical_mesh() -> CanonicalMesh:
    """Read the mesh out of the verified weights `face_landmarker`.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
    """
    with zipfile.ZipFile(io.BytesIO(read_weights("face_landmarker"))) as archive:
        metadata = read_message(archive.read(_MEMBER))
    mesh = read_message(_only(metadata, 1))
    vertex_buffer = floats(mesh[3]).reshape(-1, 5).astype(np.float64)
    return CanonicalMesh(
        vertices=_frozen(vertex_buffer[:, :3]),
        uv=_frozen(vertex_buffer[:, 3:]),
        triangles=_frozen(integers(mesh[4]).reshape(-1, 3)),
        procrustes_weights=_frozen(_weights(metadata)),
    )


def _weights(metadata: Fields) -> NDArray[np.float64]:
    weights = np.zeros(N_VERTICES)
    for reference in metadata[2]:
        if isinstance(reference, bytes):
            fields = read_message(reference)
            # Proto3 leaves a field out when it is 0.
            index = integers(fields.get(1, [0]))[0]
            weights[index] = floats(fields[2])[0]
    return weights


def _only(fields: Fields, number: int) -> bytes:
    (value,) = fields[number]
    if not isinstance(value, bytes):
        raise WeightsFormatError(f"canonical mesh: field {number} is not a message")
    return value


def _frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    # The mesh is cached and shared: nobody may change it in place.
    frozen = array.copy()
    frozen.flags.writeable = False
    return frozen
