"""Generates files of the repository: the list of crates, and the picture of a terminal in README."""
