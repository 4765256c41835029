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

# What a name in a bundle is made from: a path, and the folder that it must lie in.
NAMES = {
    "model": "onnx/whisper-tiny.en\n",
    "absolute": "/opt/edgefuse/./configs/my board.yaml\n/opt/edgefuse",
    "command": "x;id;.yaml",
    "outside": "../student\n",
}

# /proc/meminfo, /proc/self/cgroup, /proc/self/mountinfo and a cgroup's limit.
CGROUP_2 = """\
MemTotal:       24576000 kB
MemAvailable:   20480000 kB
--
0::/a
--
30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
--
100663296
"""
CGROUP_1 = """\
MemTotal: 1024 kB
--
9:name=systemd:/
4:memory:/a
--
36 30 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory
37 30 0:33 / /sys/fs\\040cgroup/cpu rw - cgroup cgroup rw,cpu
--
67108864
"""

EXIF = b"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
BOUNDARY = b"\xff\x00\xff"

LANGUAGES = ("german", "English", "haitian creole", "MANDARIN", "en-US", "zh-Hant", "iw")


def targets() -> dict[str, list[tuple[str, bytes]]]:
    """By target."""
    return {
        "manifest": [("records.jsonl", MANIFEST.encode())],
        "numbers": [("list", b"[1.5, -2, 3e-8]"), ("nested", b"[[1], 2]")],
        "bundle_names": [(name, text.encode()) for name, text in NAMES.items()],
        "memory_limits": [("cgroup-1", CGROUP_1.encode()), ("cgroup-2", CGROUP_2.encode())],
        "orientation": [("exif", EXIF + BOUNDARY), ("xmp", XMP), ("both", EXIF + BOUNDARY + XMP)],
        "placement": [("mixed", PLACEMENTS.encode())],
        "language": [(name.replace(" ", "-"), name.encode()) for name in LANGUAGES],
        "texts": [("answers.txt", b"\xef\xbb\xbfyes\r\n\r\n  no \n\t\nyes\nno one\nno")],
    }
