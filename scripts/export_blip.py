"""Exports BLIP (captioning, visual question answering) from Hugging Face folders into a model folder for edgefuse.

    python scripts/export_blip.py --caption blip-image-captioning-base --out onnx/blip-caption
    python scripts/export_blip.py --vqa blip-vqa-base --out onnx/blip-vqa

A folder holds config.json, the weights (safetensors or .bin, sharded or not), preprocessor_config.json and
tokenizer.json or vocab.txt. Two checkpoints with equal vision weights share one folder: give both options.
Needs numpy, onnx and PyYAML; neither PyTorch nor transformers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from export.blip import export_blip
from export.errors import ExportError
from export.graph import Dialect


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the folder is written, 2 when the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--caption", type=Path, metavar="DIR", help="folder of a BlipForConditionalGeneration")
    parser.add_argument("--vqa", type=Path, metavar="DIR", help="folder of a BlipForQuestionAnswering")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the model folder to write")
    parser.add_argument(
        "--dialect",
        choices=[dialect.value for dialect in Dialect],
        default=Dialect.ORT.value,
        help="ort: fused operators of ONNX Runtime (default); standard: plain ONNX operators",
    )
    parser.add_argument("--name", help="name of the model (default: the name of the folder to write)")
    parser.add_argument("--weights", help="what the weights are, for model.yaml (default: the checkpoints' names)")
    parser.add_argument("--origin", default="unknown", help="where the weights came from, for model.yaml")
    parser.add_argument("--license", default="unknown", help="licence of the weights, for model.yaml")
    args = parser.parse_args(arguments)
    if not (args.caption or args.vqa):
        parser.error("give --caption DIR, --vqa DIR or both")
    folders = [folder for folder in (args.caption, args.vqa) if folder]
    source = {
        "weights": args.weights or " + ".join(folder.resolve().name for folder in folders),
        "origin": args.origin,
        "license": args.license,
        "exporter": "scripts/export_blip.py",
    }
    name = args.name or args.out.resolve().name
    try:
        export_blip(args.out, name, source, Dialect(args.dialect), caption=args.caption, vqa=args.vqa)
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or args.out}: {error.strerror or error}", file=sys.stderr)
        return 2
    print(f"wrote {args.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
