"""Compares exported model folders, run with ONNX Runtime from Python, with the reference implementations."""

from edgefuse_tools import offline  # noqa: F401  turns telemetry off before onnxruntime is loaded
