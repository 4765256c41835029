"""Before any test imports onnxruntime."""

import offline  # noqa: F401  turns its telemetry off
