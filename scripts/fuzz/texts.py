"""Inputs that are text."""

from __future__ import annotations

# A device file with every step, and values of every kind and unit.
DEVICE = """\
device: bench
runtime:
  library: lib/libonnxruntime.so
  memory_budget: 1.5 GiB
  threads: {intra: 4, inter: 1, spinning: false}
  on_missing_provider: error
  report_placement: true
execution_providers:
  - tensorrt: {fp16: true}
  - cuda: {device_id: 0, memory_limit: 512MiB}
  - cpu
models:
  whisper:
    path: onnx/whisper-base
    precision: {encoder: int8, default: q8}
    execution_providers: {encoder: [cuda, cpu], default: [cpu]}
    require: {cuda: 0.9}
  blip: {path: onnx/blip, precision: fp32}
  vad: {path: onnx/silero-vad}
pipeline:
  - transcribe: {language: auto, beams: 5, temperature: [0, 0.2], vad: {threshold: 0.5, max_speech_s: .inf}}
  - caption: {prompt: "a picture of", beams: 3}
  - ask: {question: transcript, answers: [yes, no], top: 1}
  - match: {texts: ["a red circle"], embeddings: true}
  - fuse
"""

MANIFEST = """\
\ufeff{"id": "a", "image": "a.png", "audio": "b.wav", "text": "what?"}\r
{"text": "t", "sensors": {"temperature": 21.5, "door": null}}

{"image_embedding": [0.5, -1e3], "text_embedding": "text.npy"}
{"id": "none"}
"""

PLACEMENTS = """\
d Node(s) placed on [CUDAExecutionProvider]. Number of nodes: 95
 Node(s) placed on [TensorrtExecutionProvider]. Number of nodes: 2
 All nodes placed on [CPUExecutionProvider]. Number of nodes: 5
 Node placements
"""

LANGUAGES = ("german", "English", "haitian creole", "MANDARIN", "en-US", "zh-Hant", "iw")


def targets() -> dict[str, list[tuple[str, bytes]]]:
    """By target."""
    return {
        "manifest": [("records.jsonl", MANIFEST.encode())],
        "numbers": [("list", b"[1.5, -2, 3e-8]"), ("nested", b"[[1], 2]")],
        "placement": [("mixed", PLACEMENTS.encode())],
        "language": [(name.replace(" ", "-"), name.encode()) for name in LANGUAGES],
        "texts": [("answers.txt", b"\xef\xbb\xbfyes\r\n\r\n  no \n\t\nyes\nno one\nno")],
    }
