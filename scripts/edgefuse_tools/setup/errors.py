"""The one error that a set-up stops with."""


class SetupError(Exception):
    """The set-up cannot go on; the message is one line that says what is wrong and what to do."""
