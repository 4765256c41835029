"""The benchmark of edgefuse against other engines: scripts/bench.py."""

from edgefuse_tools import offline  # noqa: F401  turns telemetry off before onnxruntime is loaded
