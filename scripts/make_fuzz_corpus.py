"""Makes tests/fuzz/corpus/: what the fuzzer starts from, out of tests/data, tests/fixtures, configs and onnx.

    .venv/bin/python scripts/make_fuzz_corpus.py

Needs what `scripts/setup.sh test whisper-base` sets up, and ffmpeg. The same files and the same ffmpeg give the same corpus.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fuzz import graphs, packed, texts
from setup.paths import ROOT

CORPUS = ROOT / "tests" / "fuzz" / "corpus"
MEDIA = ROOT / "tests" / "fixtures" / "media"
FORMATS = ROOT / "tests" / "data" / "formats"
BAD = ROOT / "tests" / "data" / "bad"

# Larger files make slow and shallow fuzzing.
LARGEST = 8192

# Target, and the files that it starts from.
COPIES = {
    "aac": [(MEDIA, "*.aac")],
    "bmp": [(MEDIA, "*.bmp")],
    "dds": [(MEDIA, "*.dds")],
    "exr": [(MEDIA, "*.exr")],
    "farbfeld": [(MEDIA, "*.ff")],
    "flac": [(MEDIA, "*.flac")],
    "gif": [(MEDIA, "*.gif"), (FORMATS, "*.gif")],
    "hdr": [(MEDIA, "*.hdr")],
    "ico": [(MEDIA, "*.ico")],
    "jpeg": [(MEDIA, "format*.jpg"), (MEDIA, "orientation_*.jpg")],
    "m4a": [(MEDIA, "*.m4a")],
    "mp3": [(MEDIA, "*.mp3")],
    "ogg": [(MEDIA, "*.ogg")],
    "opus": [(MEDIA, "*_opus.ogg")],
    "png": [(MEDIA, "format.png"), (MEDIA, "mode_*.png"), (MEDIA, "orientation.png"), (BAD, "*.png")],
    "pnm": [(MEDIA, "*.ppm")],
    "qoi": [(MEDIA, "*.qoi")],
    "tga": [(MEDIA, "*.tga")],
    "tiff": [(MEDIA, "*.tiff")],
    "token_bytes": [(ROOT / "tests" / "fixtures", "*/*/tokenizer.json")],
    "tokenizer": [(ROOT / "tests" / "fixtures", "*/*/tokenizer.json"), (ROOT / "onnx", "student/tokenizer.json")],
    "wav": [(MEDIA, "*.wav"), (BAD, "*.wav")],
    "webp": [(MEDIA, "*.webp"), (FORMATS, "*.webp")],
    "manifest": [(ROOT / "tests" / "data", "*.jsonl"), (BAD, "*.jsonl")],
    "model_yaml": [(ROOT / "onnx", "*/model.yaml"), (ROOT / "tests" / "fixtures", "*/*/model.yaml")],
}

# Target, and the files that ffmpeg makes for it: name and codec.
ENCODED = {
    "aiff": {"pcm.aiff": "pcm_s16be", "float.aifc": "pcm_f32be", "alaw.aifc": "pcm_alaw"},
    "caf": {"pcm.caf": "pcm_s16le", "alac.caf": "alac", "mulaw.caf": "pcm_mulaw"},
    "m4a": {"opus.mp4": "libopus", "cut.mov": "pcm_s16le"},
    "matroska": {
        "opus.webm": "libopus",
        "vorbis.webm": "libvorbis",
        "flac.mka": "flac",
        "aac.mka": "aac",
        "pcm.mka": "pcm_s16le",
    },
}


def encoded(target: str) -> Iterator[tuple[str, bytes]]:
    for name, codec in ENCODED.get(target, {}).items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            exact = ["-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1"]
            source = ["-i", str(MEDIA / "burst.wav"), "-t", "0.1"]
            container = ["-f", "aiff"] if name.endswith("aifc") else []
            command = ["ffmpeg", "-v", "error", "-y", *source, "-c:a", codec, *exact, *container, str(path)]
            subprocess.run(command, check=True)
            yield name, path.read_bytes()


def copies(target: str) -> Iterator[tuple[str, bytes]]:
    for folder, pattern in COPIES.get(target, []):
        for path in sorted(folder.glob(pattern)):
            content = path.read_bytes()
            if 0 < len(content) <= LARGEST:
                # Files of one name in several folders: the folder distinguishes them.
                name = path.name if path.parent in (MEDIA, FORMATS, BAD) else f"{path.parent.name}-{path.name}"
                yield name, content


def streams() -> Iterator[tuple[str, bytes]]:
    """The length of the pieces that arrive, then the stream."""
    for name in ("sox_16.wav", "sox_24.wav", "ffmpeg_f32.wav", "piped_ffmpeg.wav", "piped_sox.wav"):
        yield name, bytes([200]) + (MEDIA / name).read_bytes()
    yield "raw", bytes([7]) + struct.pack("<200h", *(at * 100 for at in range(200)))


def devices() -> Iterator[tuple[str, bytes]]:
    """The shipped device files. `extends` is left out: the target does not open what an input names."""
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        lines = path.read_text().splitlines(keepends=True)
        yield path.name, "".join(line for line in lines if "extends" not in line).encode()


def main() -> int:
    made = {
        **texts.targets(),
        "stream": streams(),
        "device": [*devices(), ("every-step.yaml", texts.DEVICE.encode())],
        "elf": packed.elf_headers(),
        "npy": packed.npy_files(),
        "onnx": graphs.graphs(),
        "speech_map": packed.speech_maps(),
        "stretches": packed.stretches(),
        "subtitles": packed.subtitles(),
    }
    if CORPUS.exists():
        shutil.rmtree(CORPUS)
    total = 0
    for target in sorted({*COPIES, *ENCODED, *made}):
        folder = CORPUS / target
        folder.mkdir(parents=True)
        for name, content in (*copies(target), *encoded(target), *made.get(target, ())):
            (folder / name).write_bytes(content)
            total += len(content)
    print(f"{CORPUS.relative_to(ROOT)}: {total} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
