"""Error that ends a set-up."""


class SetupError(Exception):
    """The set-up cannot continue; the message is one line: what is wrong and what to do."""
