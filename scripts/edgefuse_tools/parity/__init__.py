"""Compares exported model folders, run in Python's ONNX Runtime, with the reference implementations."""

from edgefuse_tools import offline  # noqa: F401  turns telemetry off before onnxruntime is loaded
