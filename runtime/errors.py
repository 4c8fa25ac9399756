"""What can go wrong on the host, one class for each person who has to act."""

from tritspike.hw_profiles.errors import TritspikeError


class DataError(TritspikeError):
    """A GLUE folder, or a file of texts, is not what its layout says."""


class FileError(TritspikeError):
    """A checkpoint or program file is missing, damaged or not of our format."""


class InputError(TritspikeError):
    """A text, an option or an array that this program cannot take."""


class RangeError(TritspikeError):
    """A value left its register while simulating in strict mode: a bug in the compiler or a damaged program."""


class ExecutorError(TritspikeError):
    """Lava is missing, was refused its resources, hung or died."""


class SourceError(TritspikeError):
    """A model that is to be compared could not be run; the message is that of the process that tried."""


class ClusterError(TritspikeError):
    """A cluster cannot be reached, has no workers, or lost what it was asked to do."""


class MismatchError(TritspikeError):
    """Two executors disagree; the message names the first differing population, step and neuron."""


class CheckpointError(TritspikeError):
    """The checkpoint is not what its schema (`runtime/checkpoint.py`) says."""
