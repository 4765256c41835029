"""Converts the weights to the format of each engine."""
