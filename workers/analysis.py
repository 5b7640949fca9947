"""One batch through the analyzer; a poison picture does not take down its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from workers.decode import Image, Jpeg
from workers.errors import DecodeError, WorkersError
from workers.records import AnalysedFace
from workers.stages import View

# So many pictures in a row that fail alone are no longer the pictures' fault.
GIVE_UP_AFTER: Final = 16

Picture = Image | Jpeg

_log = structlog.get_logger(__name__)


class AnalyzerBrokenError(WorkersError):
    """Nothing that the analyzer tries works any more; a restart may help."""


class Analyzer(Protocol):
    """Images in, faces out; `workers.analyzer.FaceAnalyzer` is one."""

    @property
    def model_version(self) -> str:
        """Names the networks and their versions, for the records."""

    @property
    def unpacks_jpegs(self) -> bool:
        """Whether JPEGs may be handed over as they are."""

    def warm_up(self) -> None:
        """Compile and run once, so that the first real batch is as fast as the next."""

    def analyze(
        self, images: Sequence[Picture], views: Sequence[View]
    ) -> Sequence[Sequence[AnalysedFace]]:
        """One list of faces for each image, in the same order."""


@dataclass(frozen=True)
class Failure:
    """The analyzer could not do this picture, even alone.

    Attributes:
        reason: why.
        broken_picture: it cannot be unpacked, which is not the analyzer's fault.
    """

    reason: str
    broken_picture: bool = False


class BatchAnalysis:
    """Calls the analyzer; when a batch fails, each of its pictures gets a second try alone.

    Args:
        analyzer: does the work.
        give_up_after: so many pictures failing in a row mean that the analyzer is broken.
    """

    def __init__(self, analyzer: Analyzer, give_up_after: int = GIVE_UP_AFTER) -> None:
        self._analyzer = analyzer
        self._give_up_after = give_up_after
        self._failed_in_a_row = 0

    def run(
        self, images: Sequence[Picture], views: Sequence[View]
    ) -> list[Sequence[AnalysedFace] | Failure]:
        """Faces or a failure for each image, in order.

        Raises:
            AnalyzerBrokenError: nothing has worked for a long time; restart the process.
        """
        if not images:
            return []
        found = self._attempt(images, views)
        if not isinstance(found, Failure):
            self._failed_in_a_row = 0
            return list(found)
        return [self._alone(image, view) for image, view in zip(images, views, strict=True)]

    def _alone(self, image: Picture, view: View) -> Sequence[AnalysedFace] | Failure:
        """A second try for one picture, by itself."""
        found = self._attempt([image], [view])
        if not isinstance(found, Failure):
            self._failed_in_a_row = 0
            return found[0]
        if found.broken_picture:  # not the analyzer's fault
            return found
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._give_up_after:
            raise AnalyzerBrokenError(
                f"the analysis failed for {self._failed_in_a_row} pictures in a row, "
                f"last: {found.reason}"
            )
        return found

    def _attempt(
        self, images: Sequence[Picture], views: Sequence[View]
    ) -> Sequence[Sequence[AnalysedFace]] | Failure:
        # The networks can raise anything on a strange picture, from ValueError to CUDA errors.
        # It is a bug all the same, so its traceback is logged.
        try:
            found = self._analyzer.analyze(images, views)
        except DecodeError as exc:
            return Failure(str(exc)[:300], broken_picture=True)
        except Exception as exc:
            _log.exception("The analysis of a batch failed", action="analysis_failed")
            return Failure(f"the analysis failed: {type(exc).__name__}: {exc}"[:300])
        if len(found) != len(images):
            _log.error("The analyzer lost an image", action="analysis_failed", images=len(images))
            return Failure(f"the analyzer answered {len(found)} for {len(images)} pictures")
        return found
