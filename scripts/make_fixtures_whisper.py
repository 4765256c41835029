"""Writes tests/fixtures/whisper: what the reference implementations compute, for the Rust tests to compare with.

    python scripts/make_fixtures_whisper.py      # needs scripts/requirements/fixtures.txt

`log_mel`: openai-whisper's log-mel. `whisper-tiny.en`, `whisper-base`: cross-attention keys and values and logits by
transformers, token ids by openai-whisper, from the checkpoints that `scripts/setup.sh whisper-base` fetches.
The format is in tests/fixtures/README.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
import whisper
from whisper.model import Whisper

from export.errors import ExportError
from parity.fixture_file import FixtureFile
from parity.whisper_reference import SAMPLE_RATE, load_openai, load_transformers, log_mel, read_speech

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests/data"
FIXTURES = ROOT / "tests/fixtures/whisper"
CHECKPOINTS = ROOT / "build/checkpoints"
MODELS = ("whisper-tiny.en", "whisper-base")

CLIP = DATA / "librivox-0870.wav"
MELS = 80
HOP_LENGTH = 160
MEL_FRAME_STEP = 7
"""Every 7th frame of the speech; all bins of it."""

# Prime strides: the samples walk through every head, position and column.
CROSS_STRIDE = 997
LOGITS_STRIDE = 211
TOP = 20
FORCED = 5
"""Tokens fed after the prompt before the logits are taken a second time."""

LANGUAGES = 10
BEAMS = 5
INITIAL_PROMPT = "Nell, the Old Curiosity Shop; ace of spades, queen of hearts."
PAUSE_SECONDS = 3
LONG = sorted(DATA.glob("librivox-*.wav")) + sorted(DATA.glob("cards-*.wav"))
"""Together more than one window; joined without pauses, in this order."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--checkpoints", type=Path, default=CHECKPOINTS, metavar="DIR", help=f"holds {', '.join(MODELS)}"
    )
    parser.add_argument("--out", type=Path, default=FIXTURES, metavar="DIR")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"log_mel: {write_log_mel(args.out)} bytes", file=sys.stderr)
    try:
        for name in MODELS:
            print(f"{name}: {write_model(args.out, args.checkpoints / name)} bytes", file=sys.stderr)
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def write_log_mel(out: Path) -> int:
    """log_mel.json and log_mel.f32."""
    values, samples = FixtureFile(), read_speech(CLIP)
    mel = log_mel(samples, MELS).numpy()
    speech = mel[:, : len(samples) // HOP_LENGTH : MEL_FRAME_STEP]
    content = {
        "made_with": made_with(),
        "audio": shown(CLIP),
        "shape": list(mel.shape),
        "frame_step": MEL_FRAME_STEP,
        "frames": values.add(speech),
        "max": float(mel.max()),
        "mean": float(mel.mean(dtype=np.float64)),
    }
    return values.write(out, "log_mel", content)


@torch.no_grad()
def write_model(out: Path, checkpoint: Path) -> int:
    """NAME.json and NAME.f32 of one model."""
    reference, openai = load_transformers(checkpoint), load_openai(checkpoint)
    values = FixtureFile()
    mel = log_mel(read_speech(CLIP), MELS)[None]
    states = reference.model.encoder(mel).last_hidden_state
    content = {
        "made_with": made_with(),
        "audio": shown(CLIP),
        "cross": cross(reference, states, values),
        "logits": logits(reference, openai, states, values),
        "clips": [{"audio": shown(path)} | decoded(openai, path) for path in [*LONG, *sorted(DATA.glob("question-*"))]],
        "long": transcribed(openai, LONG, 0),
        "longer": transcribed(openai, [*reversed(LONG), *LONG], PAUSE_SECONDS),
    }
    return values.write(out, checkpoint.name, content)


def cross(reference: Any, states: torch.Tensor, values: FixtureFile) -> list[dict[str, Any]]:
    """Keys and values of the first and the last decoder layer, each [heads, 1500, head_dim]."""
    layers = reference.model.decoder.layers
    entries = []
    for index in (0, len(layers) - 1):
        attention = layers[index].encoder_attn
        entry: dict[str, Any] = {"layer": index}
        for name, projection in (("key", attention.k_proj), ("value", attention.v_proj)):
            heads = projection(states)[0].unflatten(1, (attention.num_heads, -1)).transpose(0, 1)
            entry[name] = values.add(heads.numpy(), CROSS_STRIDE)
        entries.append(entry)
    return entries


def logits(reference: Any, openai: Whisper, states: torch.Tensor, values: FixtureFile) -> list[dict[str, Any]]:
    """What follows the prompt, and what follows the prompt and the first tokens of the transcript."""
    tokenizer = whisper.tokenizer.get_tokenizer(
        openai.is_multilingual, num_languages=openai.num_languages, language="en", task="transcribe"
    )
    prompt = list(tokenizer.sot_sequence_including_notimestamps)
    following = decode(openai, CLIP, timestamps=False).tokens[:FORCED]
    entries = []
    for ids in (prompt, prompt + following):
        row = reference(encoder_outputs=(states,), decoder_input_ids=torch.tensor([ids])).logits[0, -1]
        check = openai.decoder(torch.tensor([ids]), states)[0, -1]
        if float((row - check).abs().max()) > 1e-3:
            raise AssertionError("transformers and openai-whisper disagree on the logits")
        best = row.topk(TOP)
        entries.append(
            {
                "input_ids": ids,
                "sampled": values.add(row.numpy(), LOGITS_STRIDE),
                "top_ids": best.indices.tolist(),
                "top": values.add(best.values.numpy()),
            }
        )
    return entries


def decoded(openai: Whisper, path: Path) -> dict[str, Any]:
    """One window, greedy, without and with timestamps; and the languages, where the model knows several."""
    found: dict[str, Any] = {}
    if openai.is_multilingual:
        mel = log_mel(read_speech(path), MELS)
        _, probabilities = openai.detect_language(mel)
        likely = sorted(probabilities.items(), key=lambda entry: -entry[1])[:LANGUAGES]
        found["languages"] = dict(likely)
    for key, timestamps in (("text", False), ("timestamps", True)):
        found[key] = figures(decode(openai, path, timestamps))
    found["beams"] = figures(decode(openai, path, True, beam_size=BEAMS))
    found["patient_beams"] = figures(decode(openai, path, True, beam_size=BEAMS, patience=2.0, length_penalty=0.5))
    return found


def figures(result: whisper.DecodingResult) -> dict[str, Any]:
    return {
        "ids": result.tokens,
        "text": result.text,
        "average_log_probability": result.avg_logprob,
        "no_speech_probability": result.no_speech_prob,
        "compression_ratio": result.compression_ratio,
    }


def decode(openai: Whisper, path: Path, timestamps: bool, **search: Any) -> whisper.DecodingResult:
    options = whisper.DecodingOptions(
        language="en", temperature=0.0, without_timestamps=not timestamps, fp16=False, **search
    )
    return whisper.decode(openai, log_mel(read_speech(path), MELS), options)


def transcribed(openai: Whisper, clips: list[Path], pause_seconds: int) -> dict[str, Any]:
    """Several windows of clips with pauses behind them, without fallback to other temperatures; segments in seconds."""
    pause = np.zeros(pause_seconds * SAMPLE_RATE, np.float32)
    samples = np.concatenate([part for path in clips for part in (read_speech(path), pause)])
    found: dict[str, Any] = {
        "audio": [shown(path) for path in clips],
        "pause_seconds": pause_seconds,
        "seconds": len(samples) / SAMPLE_RATE,
        "initial_prompt": INITIAL_PROMPT,
    }
    ways: dict[str, dict[str, Any]] = {
        "conditioned": {},
        "unconditioned": {"condition_on_previous_text": False},
        "prompted": {"initial_prompt": INITIAL_PROMPT},
        "beams": {"beam_size": BEAMS},
    }
    for key, options in ways.items():
        result = whisper.transcribe(openai, samples, language="en", temperature=0.0, fp16=False, **options)
        kept = ("seek", "start", "end", "text", "tokens")
        found[key] = [{name: segment[name] for name in kept} for segment in result["segments"]]
    return found


def shown(path: Path) -> str:
    """The path from the repository's root."""
    return path.relative_to(ROOT).as_posix()


def made_with() -> dict[str, str]:
    """The versions whose output this is."""
    return {"openai-whisper": whisper.__version__, "transformers": transformers.__version__, "torch": torch.__version__}


if __name__ == "__main__":
    sys.exit(main())
