"""The one error that a benchmark, or one engine of it, stops with."""


class BenchError(Exception):
    """The message is one line that says what could not be run and why."""
