"""A check that cannot run on this machine."""


class NotRun(Exception):
    """Why the check cannot run."""
