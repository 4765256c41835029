"""Compares exported model folders, run with ONNX Runtime from Python, with the reference implementations."""
