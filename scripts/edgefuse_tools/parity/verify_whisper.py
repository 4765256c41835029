"""Compares an exported Whisper folder with transformers on speech, in float32; prints a report.

    python scripts/dev.py verify_whisper build/checkpoints/whisper-tiny.en onnx/whisper-tiny.en tests/data/librivox-0870.wav

Needs scripts/requirements/fixtures.txt. Prints JSON, one line per recording: the largest differences of the
cross-attention keys and values and of the logits, and whether the greedy tokens (plain argmax, no rules) are identical.
Exit code 1 if they are not, or if a difference exceeds the tolerance.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgefuse_tools.parity.whisper_onnx import OnnxWhisper
from edgefuse_tools.parity.whisper_reference import load_transformers, log_mel, read_speech

TOLERANCE = 1e-3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="the original checkpoint folder")
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("audio", type=Path, nargs="+", help="16-bit mono wav at 16 kHz (the first 30 s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=100, help="maximum per recording (default: 100)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    reference, model = load_transformers(args.checkpoint), OnnxWhisper(args.model, args.threads)
    passed = True
    for path in args.audio:
        report = compare(reference, model, read_speech(path), args.tokens)
        passed &= report["ids_identical"] and max(report["cross"], report["logits"]) <= TOLERANCE
        print(json.dumps({"audio": path.name} | report), flush=True)
    return 0 if passed else 1


@torch.no_grad()
def compare(reference: Any, model: OnnxWhisper, samples: np.ndarray, tokens: int) -> dict[str, Any]:
    """Decodes greedily with the model, and feeds the reference the same tokens."""
    mel = log_mel(samples, model.description["audio"]["n_mels"])[None]
    states = reference.model.encoder(mel).last_hidden_state
    cross = model.encode(mel.numpy())
    difference = 0.0
    for layer, decoder_layer in enumerate(reference.model.decoder.layers):
        attention = decoder_layer.encoder_attn
        for side, projection in (("key", attention.k_proj), ("value", attention.v_proj)):
            expected = projection(states).unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
            expected = expected.transpose(2, 3) if side == "key" else expected
            difference = max(difference, _largest(cross[f"cross_{side}_{layer}"], expected.numpy()))

    ids = prompt(model.description)
    prompt_length = len(ids)
    rows = []
    logits, past = model.decode(np.array([ids]), cross, model.start(1))
    for _ in range(tokens):
        rows.append(logits[0])
        ids.append(int(logits[0].argmax()))
        if ids[-1] == model.description["tokens"]["end_of_text"]:
            break
        logits, past = model.decode(np.array([ids[-1:]]), cross, past)
    expected = reference(encoder_outputs=(states,), decoder_input_ids=torch.tensor([ids[:-1]])).logits[0]
    expected = expected[prompt_length - 1 :].numpy()
    return {
        "cross": difference,
        "logits": _largest(np.array(rows), expected),
        "tokens": len(rows),
        "ids_identical": expected.argmax(-1).tolist() == ids[prompt_length:],
    }


def prompt(description: dict[str, Any]) -> list[int]:
    """Prompt before the transcript: English, without timestamps."""
    tokens = description["tokens"]
    language = [tokens["languages"]["en"], tokens["transcribe"]] if description["multilingual"] else []
    return [tokens["start_of_transcript"], *language, tokens["no_timestamps"]]


def _largest(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max())
