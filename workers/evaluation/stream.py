"""Pictures one after another: never more than a few in memory, the unreadable ones counted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from workers.decode import Image
from workers.errors import DecodeError
from workers.evaluation.chain import FindFaces
from workers.evaluation.errors import EvaluationError
from workers.evaluation.labels import LabelledPicture
from workers.evaluation.report import Unreadable
from workers.face import Face

Label = TypeVar("Label")

AT_ONCE = 4
"""Pictures in memory at a time: enough to fill a batch of faces, little enough for photographs."""


def _nothing() -> None:
    pass


@dataclass(slots=True)
class PictureStream:
    """Reads a data set's pictures.

    Attributes:
        advance: called after each picture, for a progress bar.
        unreadable: what could not be read so far.
    """

    advance: Callable[[], None] = _nothing
    unreadable: list[Unreadable] = field(default_factory=list)

    def read(
        self, pictures: Sequence[LabelledPicture[Label]]
    ) -> Iterator[tuple[LabelledPicture[Label], Image]]:
        """Yield the readable pictures with their labels.

        Raises:
            EvaluationError: not a single one is readable.
        """
        for picture in pictures:
            try:
                image = picture.read()
            except DecodeError as exc:
                self.unreadable.append(Unreadable(str(picture.path), str(exc)))
            else:
                yield picture, image
            self.advance()
        if len(self.unreadable) == len(pictures):
            first = "".join(f"; {entry.path}: {entry.reason}" for entry in self.unreadable[:1])
            raise EvaluationError(f"none of {len(pictures)} pictures can be read{first}")

    def analyse(
        self, pictures: Sequence[LabelledPicture[Label]], find: FindFaces
    ) -> Iterator[tuple[LabelledPicture[Label], Sequence[Face]]]:
        """Yield the readable pictures with the faces found in them."""
        waiting: list[tuple[LabelledPicture[Label], Image]] = []
        for entry in self.read(pictures):
            waiting.append(entry)
            if len(waiting) == AT_ONCE:
                yield from _analysed(waiting, find)
                waiting = []
        if waiting:
            yield from _analysed(waiting, find)


def _analysed(
    waiting: Sequence[tuple[LabelledPicture[Label], Image]], find: FindFaces
) -> Iterator[tuple[LabelledPicture[Label], Sequence[Face]]]:
    faces = find([image for _, image in waiting])
    for (picture, _), found in zip(waiting, faces, strict=True):
        yield picture, found
