"""What can go wrong with a film, and what is kept.

FacePoseError
└── FilmError                its text names the file, and the place in it where there is one
    ├── FilmUnreadableError      it cannot be opened, or holds no pictures: nothing was done
    ├── FilmBrokenError          it ends before its end: what came before stands
    └── FilmNotWrittenError      the labelled film cannot be written there
"""

from __future__ import annotations

from schemas.errors import FacePoseError


class FilmError(FacePoseError):
    """Root of the errors about films; shown to people without a traceback."""


class FilmUnreadableError(FilmError):
    """The file cannot be opened as a film."""


class FilmBrokenError(FilmError):
    """The film can be read up to some place only."""


class FilmNotWrittenError(FilmError):
    """The labelled film cannot be written."""
