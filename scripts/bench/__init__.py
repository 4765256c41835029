"""The benchmark of edgefuse against other engines: scripts/bench_peers.py."""

import offline  # noqa: F401  turns telemetry off before onnxruntime is loaded
