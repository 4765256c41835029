"""Turns ONNX Runtime's telemetry off. Import this before `onnxruntime`, or anything that imports it.

Since 1.32 the library writes a device id and a queue of events under `~/.cache/Microsoft` and sends them. It reads the
variable when it is loaded; its functions for turning telemetry off come too late.
"""

from __future__ import annotations

import os

VARIABLE = "ORT_DISABLE_TELEMETRY"

os.environ[VARIABLE] = "1"
