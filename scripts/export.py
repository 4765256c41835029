#!/usr/bin/env python3
"""Exports a trained model to a model folder: ONNX graphs and model.yaml, which edgefuse runs.

    python scripts/export.py whisper build/checkpoints/whisper-tiny.en onnx/whisper-tiny.en
    python scripts/export.py blip --caption path/to/blip-image-captioning-base --out onnx/blip-caption-base
    python scripts/export.py blip2 path/to/blip2-opt-2.7b --out onnx/blip2-opt-2.7b
    python scripts/export.py llm SmolLM2-135M-Instruct.Q4_1.gguf onnx/smollm2-135m-instruct
    python scripts/export.py vlm path/to/SmolVLM-256M-Instruct onnx/smolvlm-256m-instruct
    python scripts/export.py encoder path/to/all-MiniLM-L6-v2 onnx/minilm-l6
    python scripts/export.py vad build/checkpoints/silero-vad/silero_vad.onnx onnx/silero-vad

`export.py KIND --help` lists the options of one kind. Needs numpy, onnx and PyYAML, which scripts/setup.sh installs in
.venv; neither PyTorch nor transformers.
"""

from __future__ import annotations

import argparse
import sys

from edgefuse_tools.launcher import launch

KINDS = {
    "whisper": "speech recognition, from a CTranslate2 or Hugging Face checkpoint",
    "blip": "captions, answers and image-text matching, from Hugging Face checkpoints",
    "blip2": "captions and answers by a language model (OPT or T5), from a Hugging Face checkpoint",
    "llm": "a language model, from a GGUF file or a Hugging Face checkpoint",
    "vlm": "a language model that reads pictures (SmolVLM, Idefics3), from a Hugging Face checkpoint",
    "encoder": "pictures, texts or sounds to vectors, and classes of pictures, from various checkpoints",
    "vad": "speech detection, from Silero VAD's silero_vad.onnx",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="export.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = "; ".join(f"{kind}: {text}" for kind, text in KINDS.items())
    parser.add_argument("kind", choices=KINDS, metavar="KIND", help=kinds)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="checkpoint, folder and options")
    options = parser.parse_args()
    return launch(f"edgefuse_tools.export.{options.kind}.command", f"export.py {options.kind}", options.arguments)


if __name__ == "__main__":
    sys.exit(main())
