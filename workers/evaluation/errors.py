"""What can be wrong with a data set.

EvaluationError (a WorkersError)
├── DataFormatError      the folder is of no known format, or of one that this task cannot use
└── LabelError           a label file that does not say what its format promises
"""

from workers.errors import WorkersError


class EvaluationError(WorkersError):
    """Base of all errors about the data sets of `facepose evaluate`."""


class DataFormatError(EvaluationError):
    """The folder holds none of the formats that the task can use; the text names them."""


class LabelError(EvaluationError):
    """A label file does not hold what its format promises; the text names file and line."""
