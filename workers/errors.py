"""Everything that can go wrong in the workers package, and what to do about it.

WorkersError
├── DecodeError              bytes that are not a picture we accept
├── ChoiceError              no such network, or networks that do not go together
├── EngineError              a device or an engine that this machine does not have
└── WeightsError
    ├── WeightsMissingError      not in the cache: pull them
    ├── WeightsHashError         not the bytes that the manifest names
    ├── WeightsFormatError       the right bytes, but not the network we know
    └── WeightsUnavailableError  no source answered
"""

from schemas.errors import FacePoseError


class WorkersError(FacePoseError):
    """Base of all errors of the workers package."""


class DecodeError(WorkersError):
    """The bytes are not a picture, or not one that we accept."""


class ChoiceError(WorkersError):
    """No such choice, or choices that do not go together."""


class EngineError(WorkersError):
    """The device or engine that was asked for cannot be had here."""


class WeightsError(WorkersError):
    """Base of all errors about model weights."""


class WeightsMissingError(WeightsError):
    """The weights are not in the cache."""


class WeightsHashError(WeightsError):
    """The bytes are not the ones that the manifest names."""


class WeightsFormatError(WeightsError):
    """The file was read, but holds another network than the one expected."""


class WeightsUnavailableError(WeightsError):
    """No source of the weights answered."""
