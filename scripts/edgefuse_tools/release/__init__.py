"""Files of the repository that are generated: the list of crates and the picture of a terminal in README."""
