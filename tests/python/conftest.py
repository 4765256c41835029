"""Imported before any test imports onnxruntime."""

from edgefuse_tools import offline  # noqa: F401  turns telemetry off
