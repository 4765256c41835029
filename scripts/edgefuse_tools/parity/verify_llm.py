"""Compares an exported language model with transformers: logits, greedy texts, perplexity by precision.

    python scripts/dev.py verify_llm build/checkpoints/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf

Needs scripts/requirements/fixtures.txt. Exports the GGUF file or Hugging Face folder in both dialects in fp32, and in its
own precision or those named, into a temporary folder, and runs all of it beside transformers in fp32, with the same
(dequantised) weights. Prints JSON: the largest difference of a logit, how many of ten greedy texts are the same, and for
each precision the perplexity of a public-domain text and the mean Kullback-Leibler divergence from the reference, both
computed token by token. Exit code 1 if a logit in fp32 differs by more than the tolerance, or a text does.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.parity.llm_divergence import compared, export, perplexity
from edgefuse_tools.parity.llm_onnx import OnnxLlm
from edgefuse_tools.parity.llm_reference import ReferenceLlm
from edgefuse_tools.parity.novel import TEXT

TOLERANCE = 1e-3
PROMPTS = (
    "What is the capital of France?",
    "Name three things to check before starting a lathe.",
    "Summarise: the door of the cold store was open for an hour, and the temperature rose to nine degrees.",
    "Write a haiku about rain.",
    "Explain to a child why the sky is blue.",
    "Translate to German: The machine is ready.",
    "List the steps to change a bicycle tyre.",
    "What is 17 times 4?",
    "A colleague says that the oil pressure is low. What should I do?",
    "Continue: Once upon a time, in a village by the sea,",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="GGUF file or Hugging Face folder")
    parser.add_argument("--precision", nargs="+", help="precisions besides fp32 (default: a GGUF file's own)")
    parser.add_argument("--tokens", type=int, default=200, help="tokens of each greedy text (default: 200)")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    reference = ReferenceLlm(args.source)
    report: dict[str, Any] = {"source": args.source.name, "tokens": args.tokens, "precisions": {}}
    with tempfile.TemporaryDirectory() as parent:
        folder = export(args.source, Path(parent) / "fp32", Dialect.ORT, [Precision.FP32])
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        prompts = [prompt_ids(tokenizer, text) for text in PROMPTS]
        texts = [reference.greedy(ids, args.tokens) for ids in prompts]
        novel = tokenizer.encode(TEXT).ids
        expected = reference.every_position(novel)
        report["positions"] = len(novel)
        report["precisions"]["reference"] = {"perplexity": perplexity(expected, novel)}

        exact = {"ort": OnnxLlm(folder, threads=args.threads)}
        folder = export(args.source, Path(parent) / "standard", Dialect.STANDARD, [Precision.FP32])
        exact["standard"] = OnnxLlm(folder, threads=args.threads)
        for name, model in exact.items():
            found = model.every_position(novel)
            same = sum(model.greedy(ids, args.tokens) == text for ids, text in zip(prompts, texts))
            report[name] = {"largest_difference": float(np.abs(found - expected).max()), "same_texts": same}
            report["precisions"][f"fp32, {name}"] = compared(found, expected, novel)
        del exact
        named = [Precision(name) for name in args.precision] if args.precision else None
        folder = export(args.source, Path(parent) / "own", Dialect.ORT, named)
        for precision in OnnxLlm.precisions(folder):
            model = OnnxLlm(folder, precision, args.threads)
            report["precisions"][precision] = compared(model.every_position(novel), expected, novel)
    print(json.dumps(report))
    right = all(
        report[name]["largest_difference"] <= TOLERANCE and report[name]["same_texts"] == len(PROMPTS)
        for name in ("ort", "standard")
    )
    return 0 if right else 1


def prompt_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """A message in ChatML if the model knows it, else the text alone."""
    if tokenizer.token_to_id("<|im_start|>") is not None:
        text = f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    ids: list[int] = tokenizer.encode(text).ids
    return ids
