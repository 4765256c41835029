"""Exports a decoder-only language model from a GGUF file or a Hugging Face folder to a model folder.

    python scripts/export.py llm SmolLM2-135M-Instruct.Q4_1.gguf onnx/smollm2-135m-instruct
    python scripts/export.py llm path/to/Qwen2.5-0.5B-Instruct onnx/qwen2.5-0.5b-instruct --precision q8

Supports Llama (SmolLM2, TinyLlama, Llama 3.2), Qwen2 and 2.5, Qwen3, and Gemma 3 for text. A GGUF file is exported in its
own precision unless --precision names others: weights in blocks (Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K) are
taken over exactly, as q4 or q8, whichever most of them are. Needs gguf, numpy, onnx and PyYAML; neither PyTorch nor
transformers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edgefuse_tools.export.arguments import add_common_arguments, chosen_precisions, exit_code, provenance
from edgefuse_tools.export.checkpoints.hub import checkpoint_folder
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.llm.exporter import check_source, export_llm


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if the folder was written, 2 if the input cannot be exported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="FILE|DIR", help="GGUF file, or folder or hub id of a causal language model")
    parser.add_argument("out", type=Path, metavar="OUT", help="model folder to write")
    parser.add_argument("--context", type=int, metavar="N", help="most positions (default: the model's, up to 8192)")
    add_common_arguments(parser)
    args = parser.parse_args(arguments)
    dialect = Dialect(args.dialect)

    def export() -> None:
        path = checkpoint_folder(args.source)
        check_source(path)
        export_llm(
            path,
            args.out,
            name=args.name or args.out.resolve().name,
            source=provenance(args, path.resolve().name, "llm"),
            dialect=dialect,
            precisions=chosen_precisions(args.precision, dialect) if args.precision else None,
            context=args.context,
        )

    return exit_code(args.out, export)
