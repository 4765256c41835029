"""Error that ends a benchmark, or one engine of it."""


class BenchError(Exception):
    """The message is one line: what could not be run and why."""
