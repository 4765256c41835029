"""Shared by all training runs: the loop, a learning-rate schedule, averaged weights, checkpoints, a log with times."""
