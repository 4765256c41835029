"""Inputs that the fuzzer starts from and no other test has as a file."""
