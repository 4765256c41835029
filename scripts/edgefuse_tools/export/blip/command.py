"""Exports BLIP (captioning, visual question answering, retrieval) from Hugging Face folders to a model folder for
edgefuse.

    python scripts/export.py blip --caption blip-image-captioning-base --out onnx/blip-caption
    python scripts/export.py blip --vqa Salesforce/blip-vqa-base --precision q8 --out onnx/blip-vqa

A checkpoint folder contains config.json, the weights (safetensors or .bin, sharded or not), preprocessor_config.json
and tokenizer.json or vocab.txt. A Hugging Face hub id is downloaded, which needs the network and the package
huggingface_hub. Checkpoints with equal vision weights can share one model folder: pass several options.
Needs numpy, onnx and PyYAML; neither PyTorch nor transformers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edgefuse_tools.export.arguments import add_common_arguments, chosen_precisions, exit_code, provenance
from edgefuse_tools.export.blip.exporter import Checkpoints, export_blip
from edgefuse_tools.export.checkpoints.hub import checkpoint_folder
from edgefuse_tools.export.graphs.graph import Dialect


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if the folder was written, 2 if the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--caption", metavar="DIR", help="folder or hub id of a BlipForConditionalGeneration")
    parser.add_argument("--vqa", metavar="DIR", help="folder or hub id of a BlipForQuestionAnswering")
    parser.add_argument("--retrieval", metavar="DIR", help="folder or hub id of a BlipForImageTextRetrieval")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="model folder to write")
    parser.add_argument(
        "--weights", help="description of the weights, for model.yaml (default: names of the checkpoints)"
    )
    add_common_arguments(parser)
    args = parser.parse_args(arguments)
    given = {task: getattr(args, task) for task in ("caption", "vqa", "retrieval") if getattr(args, task)}
    if not given:
        parser.error("pass at least one of --caption DIR, --vqa DIR and --retrieval DIR")

    def export() -> None:
        source = provenance(
            args, args.weights or " + ".join(Path(one).resolve().name for one in given.values()), "blip"
        )
        export_blip(
            args.out,
            Checkpoints(**{task: checkpoint_folder(one) for task, one in given.items()}),
            name=args.name or args.out.resolve().name,
            source=source,
            dialect=Dialect(args.dialect),
            precisions=chosen_precisions(args.precision, Dialect(args.dialect)),
        )

    return exit_code(args.out, export)
