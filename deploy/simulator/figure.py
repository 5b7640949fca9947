"""A person at one scale: a body and heads that are drawn once and kept."""

from typing import Final

from deploy.simulator.appearance import draw_appearance
from deploy.simulator.head import PIVOT, Head, rotation
from deploy.simulator.raster import Sprite, draw_head
from deploy.simulator.shapes import draw_body
from deploy.simulator.texture import paint
from workers.geometry.canonical_mesh import CanonicalMesh

_KEPT_SPRITES: Final = 150  # about 50 KB each


class Figure:
    """A person's body and heads, at one scale.

    Attributes:
        body: neck and torso, about the neck's joint.
    """

    def __init__(self, mesh: CanonicalMesh, seed: int, px_per_cm: float, length_cm: float) -> None:
        look = draw_appearance(seed)
        self._head, self._atlas = Head(mesh, look), paint(look, mesh.uv)
        self._px_per_cm = px_per_cm
        self.body = draw_body(look, px_per_cm, length_cm)
        self._sprites: dict[tuple[float, ...], Sprite] = {}

    def sprite(self, pose: tuple[float, float, float], openness: float, smile: float) -> Sprite:
        """The head at a pose, about the neck's joint; drawn once."""
        key = (*pose, openness, smile)
        if key not in self._sprites:
            if len(self._sprites) >= _KEPT_SPRITES:
                del self._sprites[next(iter(self._sprites))]
            self._sprites[key] = draw_head(
                self._head, self._atlas, rotation(*pose), self._px_per_cm,
                about=PIVOT, openness=openness, smile=smile,
            )  # fmt: skip
        return self._sprites[key]
