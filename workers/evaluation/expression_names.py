"""What data sets call the seven expressions, and in which order they number them."""

from collections.abc import Mapping, Sequence
from typing import Final

from schemas.messages import EXPRESSIONS
from workers.evaluation.errors import LabelError

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "surprise": ("surprise", "surprised", "su"),
    "fear": ("fear", "fearful", "afraid", "af", "fe"),
    "disgust": ("disgust", "disgusted", "di"),
    "happiness": ("happiness", "happy", "joy", "ha"),
    "sadness": ("sadness", "sad", "sa"),
    "anger": ("anger", "angry", "an"),
    "neutral": ("neutral", "ne"),
}
"""Short forms: AF, AN, DI, HA, NE, SA, SU of KDEF and FE of JAFFE."""

WITHOUT_COUNTERPART: Final = ("contempt", "unknown", "nf", "non-face")
"""Classes of CK+, FER+ and AffectNet that none of the seven stands for: left out and counted."""

NUMBERINGS: Final[Mapping[str, tuple[tuple[int, str], ...]]] = {
    "fer2013": tuple(
        enumerate(("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"))
    ),
    "rafdb": tuple(
        enumerate(("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"), 1)
    ),
    "affectnet": tuple(
        enumerate(
            (
                *("neutral", "happiness", "sadness", "surprise"),
                *("fear", "disgust", "anger", "contempt"),
            )
        )
    ),
    "ckplus": tuple(
        enumerate(
            (
                *("neutral", "anger", "contempt", "disgust"),
                *("fear", "happiness", "sadness", "surprise"),
            )
        )
    ),
}
"""Numbers instead of names, as the sets' own papers and read-me files give them."""


def class_of(name: str, numbering: str | None = None) -> int | None:
    """Return a class's number in `EXPRESSIONS`; None for one without a counterpart.

    Args:
        name: as the data set writes it, in any case; a number with `numbering`.
        numbering: a key of `NUMBERINGS`, for sets that number their classes.

    Raises:
        LabelError: not known; the text lists what is.
    """
    word = name.strip().lower()
    if word.isdigit():
        word = _named(int(word), numbering)
    if word in WITHOUT_COUNTERPART:
        return None
    for number, expression in enumerate(EXPRESSIONS):
        if word in SYNONYMS[expression]:
            return number
    raise LabelError(f"no expression is called {name!r}; known are {_known()}")


def unknown_names(names: Sequence[str], numbering: str | None) -> list[str]:
    """Return those names that `class_of` would not know."""
    unknown = []
    for name in names:
        try:
            class_of(name, numbering)
        except LabelError:
            unknown.append(name)
    return unknown


def _named(number: int, numbering: str | None) -> str:
    if numbering is None:
        raise LabelError(
            f"class {number} is a number, and data sets number differently: say which with "
            f"--numbering {'|'.join(NUMBERINGS)}"
        )
    names = dict(NUMBERINGS[numbering])
    if number not in names:
        raise LabelError(f"{numbering} numbers its classes {min(names)} to {max(names)}: {number}?")
    return names[number]


def _known() -> str:
    rows = [f"{name} ({', '.join(words[1:])})" for name, words in SYNONYMS.items()]
    return "; ".join([*rows, f"left out: {', '.join(WITHOUT_COUNTERPART)}"])
