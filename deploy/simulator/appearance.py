"""How one invented student looks: colours, proportions and hair, drawn from a seed."""

from dataclasses import dataclass
from typing import Final

import numpy as np

Colour = tuple[int, int, int]  # red, green, blue, 0..255

_SKINS: Final[tuple[Colour, ...]] = (
    (236, 200, 178), (226, 184, 158), (210, 164, 134), (188, 140, 108), (160, 114, 86),
    (132, 92, 68),
)  # fmt: skip
_HAIRS: Final[tuple[Colour, ...]] = (
    (38, 28, 24), (62, 42, 30), (88, 58, 36), (128, 88, 50), (176, 136, 82), (120, 58, 34),
)  # fmt: skip
_CLOTHES: Final[tuple[Colour, ...]] = (
    (66, 88, 132), (140, 62, 62), (72, 112, 84), (96, 96, 104), (168, 142, 84), (98, 74, 122),
    (52, 58, 70), (178, 112, 88),
)  # fmt: skip
HAIR_STYLES: Final = ("short", "full", "long")


@dataclass(frozen=True, slots=True)
class Appearance:
    """One student's looks.

    Attributes:
        skin, hair, clothes: colours.
        width: how much wider than the canonical face, 1 is canonical.
        chin: how much shorter the lower half of the face is, 1 is canonical.
        hair_style: one of `HAIR_STYLES`.
        hair_volume: how far hair stands off the skull, as a share of its radius.
        seed: for skin mottling and strands of hair.
    """

    skin: Colour
    hair: Colour
    clothes: Colour
    width: float
    chin: float
    hair_style: str
    hair_volume: float
    seed: int


def draw_appearance(seed: int) -> Appearance:
    """Invent a student."""
    rng = np.random.default_rng([seed, 1])
    skin_index = int(rng.integers(len(_SKINS)))
    # Dark skin under fair hair would be rare: only the three dark tones there.
    hair_index = int(rng.integers(len(_HAIRS) if skin_index < 3 else 3))
    return Appearance(
        skin=_vary(rng, _SKINS[skin_index], 6),
        hair=_vary(rng, _HAIRS[hair_index], 6),
        clothes=_vary(rng, _CLOTHES[int(rng.integers(len(_CLOTHES)))], 10),
        width=float(rng.uniform(0.98, 1.05)),
        chin=float(rng.uniform(0.90, 0.98)),
        hair_style=HAIR_STYLES[int(rng.integers(len(HAIR_STYLES)))],
        hair_volume=float(rng.uniform(0.10, 0.14)),
        seed=seed,
    )


def _vary(rng: np.random.Generator, colour: Colour, spread: int) -> Colour:
    red, green, blue = (
        int(np.clip(value + rng.integers(-spread, spread + 1), 0, 255)) for value in colour
    )
    return red, green, blue
