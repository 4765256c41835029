"""Exports an encoder (pictures, texts or sounds to vectors; classes of pictures) to a model folder for edgefuse.

    python scripts/export.py encoder efficientnet-lite0.pth onnx/efficientnet-lite0
    python scripts/export.py encoder all-MiniLM-L6-v2 onnx/minilm-l6
    python scripts/export.py encoder efficientnet-lite0.pth onnx/photos --texts all-MiniLM-L6-v2

SOURCE is a Hugging Face folder or hub id, or the state dict of a classifier of pictures (PyTorch's file or
safetensors). Its architecture is recognised; docs/models/encoders.md lists those that are supported. `--texts` joins a
classifier with an encoder of sentences: pictures get the embeddings of the names of their classes, so that texts find
them. Needs numpy, onnx and PyYAML; neither PyTorch nor transformers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edgefuse_tools.export.arguments import add_common_arguments, chosen_precisions, exit_code, provenance
from edgefuse_tools.export.checkpoints.hub import checkpoint_folder
from edgefuse_tools.export.encoder.architectures import read_encoder
from edgefuse_tools.export.encoder.classifiers import Choices
from edgefuse_tools.export.encoder.exporter import export_encoder
from edgefuse_tools.export.encoder.space import read_space
from edgefuse_tools.export.graphs.graph import Dialect


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if the folder was written, 2 if the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="checkpoint: a folder, a file, or a hub id")
    parser.add_argument("out", type=Path, metavar="OUT", help="model folder to write")
    parser.add_argument("--texts", metavar="DIR", help="encoder of sentences, for a space of pictures and texts")
    parser.add_argument(
        "--classes", type=Path, metavar="FILE", help="names of the classes, one per line (default: ImageNet's)"
    )
    parser.add_argument(
        "--class-embeddings",
        type=Path,
        metavar="FILE",
        help="with --texts: embeddings of the class names, made by scripts/dev.py make_class_embeddings (default: ImageNet's, by all-MiniLM-L6-v2)",
    )
    parser.add_argument("--side", type=int, metavar="PIXELS", help="width and height of the classifier's input")
    parser.add_argument("--shorter-side", type=int, metavar="PIXELS", help="length of the shorter side before the crop")
    parser.add_argument(
        "--resample", choices=["box", "bilinear", "hamming", "bicubic", "lanczos"], help="resizing filter"
    )
    for name, what in (("mean", "mean"), ("std", "standard deviation")):
        parser.add_argument(f"--{name}", type=float, nargs=3, metavar="X", help=f"{what} of red, green, blue in [0, 1]")
    parser.add_argument(
        "--weights", help="description of the weights, for model.yaml (default: name of the checkpoint)"
    )
    add_common_arguments(parser)
    args = parser.parse_args(arguments)

    def export() -> None:
        dialect = Dialect(args.dialect)
        source = checkpoint_folder(args.source)
        choices = Choices(args.classes, args.side, args.shorter_side, args.resample, args.mean, args.std)
        texts = checkpoint_folder(args.texts) if args.texts else None
        parts = (
            read_encoder(source, choices)
            if texts is None
            else read_space(source, texts, choices, args.class_embeddings)
        )
        checkpoints = " and ".join(path.name for path in (source, texts) if path is not None)
        export_encoder(
            args.out,
            parts,
            name=args.name or args.out.name,
            source=provenance(args, args.weights or checkpoints, "encoder"),
            dialect=dialect,
            precisions=chosen_precisions(args.precision, dialect),
        )

    return exit_code(args.out, export)
