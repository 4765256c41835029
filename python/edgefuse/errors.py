"""Exceptions of edgefuse. All of them derive from :class:`EdgefuseError`, can be pickled, and have one line of text."""

from __future__ import annotations


class EdgefuseError(Exception):
    """Base of all errors of this package."""


class ConfigError(EdgefuseError):
    """A device file or ``model.yaml`` cannot be used, or has no model for what was asked.

    ``file`` is the file, ``line`` and ``column`` the place of the error from 1; each ``None`` if it is not known.
    """

    def __init__(
        self, message: str, file: str | None = None, line: int | None = None, column: int | None = None
    ) -> None:
        # All of them are arguments, so that a copy in another process has them too.
        super().__init__(message, file, line, column)
        self.file = file
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return str(self.args[0])


class LibraryError(EdgefuseError):
    """ONNX Runtime was not found, cannot be used, or another copy runs in this process already."""


class ModelError(EdgefuseError):
    """A model cannot be loaded, or does not fit into the memory budget."""


class OptionError(EdgefuseError, ValueError):
    """An option that is unknown, out of range, or that the model does not support."""


class InputError(EdgefuseError):
    """A picture, sound or record that cannot be used. Other inputs are not affected."""


class Cancelled(EdgefuseError):
    """The work was cancelled through its :class:`edgefuse.Cancellation`."""


class DeadlinePassed(EdgefuseError, TimeoutError):
    """The work took longer than its ``timeout``."""


class Overloaded(EdgefuseError):
    """Too many requests wait for the models already."""


class ForkError(EdgefuseError):
    """A pipeline was used in a process that was forked after ONNX Runtime had started."""


class LibraryWarning(UserWarning):
    """A process holds more than one copy of ONNX Runtime."""
