"""What a user can get wrong, each with the exit code the command line answers with.

Every message is one sentence or two: what is wrong, with the culprit's name, and how to mend it.
"""

import warnings


class AsgnetError(Exception):
    """Base of all errors that asgnet raises on purpose."""

    exit_code = 1


class UsageError(AsgnetError):
    """The call itself cannot be meant this way: an unknown preset, two options that exclude each other."""

    exit_code = 2


class PictureError(AsgnetError):
    """A picture that cannot be read: missing, truncated, not a picture, too large."""

    exit_code = 3


class SupportError(AsgnetError):
    """A support that teaches nothing: an unreadable picture, an empty mask, a mask of another size."""

    exit_code = 4


class WeightsError(AsgnetError):
    """Weights or a Concept that cannot be used: missing, truncated, of another model."""

    exit_code = 4


class DataError(AsgnetError):
    """A dataset that is not where, or not what, it is said to be."""

    exit_code = 2


class OutputError(AsgnetError):
    """A result that cannot be written: no permission, disk full, would overwrite."""

    exit_code = 1


class AsgnetWarning(UserWarning):
    """Something was decided for the user that may not be what was meant; the call went on all the same."""


def note(message: str) -> None:
    """Say what was decided for the user, as an :class:`AsgnetWarning`."""
    warnings.warn(message, AsgnetWarning, stacklevel=3)


def reason(error: BaseException) -> str:
    """What an exception says, as part of a sentence: its first line, at most 120 characters, no full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:120]


_NO_MEMORY = ("failed to map segment", "Cannot allocate memory", "can't allocate memory", "bad_alloc")
"""What libraries say, each in its own kind of error, when the system gives them no more memory."""


def out_of_memory(error: BaseException) -> bool:
    """Is that what an exception of any library says?"""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in _NO_MEMORY)
