"""Evaluates Whisper on captions read aloud in several languages, through the program; prints a table or JSON.

    python scripts/dev.py evaluate_speech [--model whisper-base] [--clips 25] [--language en ...] [--json]

The recordings are those of Debian's package tuxpaint-stamps-default: people of many countries read the captions of its
pictures aloud, one to fifteen seconds each. It is under the GPL: it is downloaded into build/ and never committed, and no
model here was trained on it. A language counts if it has at least 50 recordings; every so many are drawn with a fixed
seed. Figures for each language:

- detected: the share of recordings whose language the model detects (not for an English-only model);
- errors: character errors over characters of the caption, both without case and punctuation, at most 200 % for each
  recording: with the full encoder context, the adaptive one, and the one of `auto`; the language is given;
- time: median time of `auto` and `adaptive` over that of `full`;
- found: the share of recordings for which a photograph with the caption is among the first 10 of all, searched by the
  text that the model translates the recording into (only captions of photographs, and only with `--search`).

Needs a release build of edgefuse, and `apt-get` or the unpacked package in --stamps.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools import ROOT
from edgefuse_tools.bench.wer import word_errors
from edgefuse_tools.export.check import newest_program
from edgefuse_tools.measure.evaluate_photos import STAMPS, embed, fetch, find_photographs, noun

FEWEST_RECORDINGS = 50
FEWEST_WORDS = 2
SEED = 1
CONTEXTS = ("full", "auto", "adaptive")
FIRST = 10
#: Error rates of single recordings are cut here, so that one endless repetition does not outweigh all others.
WORST = 2.0


@dataclass(frozen=True)
class Clip:
    path: Path
    language: str
    caption: str

    @property
    def picture(self) -> Path:
        return self.path.with_name(re.sub(r"_desc(_\w+)?\.ogg$", ".png", self.path.name))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="whisper-base", help="model folder in onnx/ (default: whisper-base)")
    parser.add_argument("--precision", default="auto", help="precision of the model (default: auto)")
    parser.add_argument("--clips", type=int, default=25, help="recordings of each language (default: 25)")
    parser.add_argument("--language", nargs="+", metavar="CODE", help="only these languages")
    parser.add_argument("--search", action="store_true", help="also search photographs by the recordings")
    parser.add_argument("--stamps", type=Path, help="folder into which the package was unpacked")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    root = (options.stamps or fetch()).resolve()
    program = newest_program()
    if program is None:
        raise SystemExit("no edgefuse in target/: cargo build --release")
    rows = []
    for language, clips in draw(root, options.clips, options.language).items():
        rows.append(evaluate(program, options.model, options.precision, language, clips))
        if options.search:
            rows[-1]["found"] = found(program, options.model, language, clips, root)
        print(json.dumps(rows[-1]) if options.json else line(rows[-1]), flush=True)
    return 0


def draw(root: Path, count: int, languages: Sequence[str] | None) -> dict[str, list[Clip]]:
    """The recordings to transcribe by language, the languages with the most recordings first."""
    by_language: dict[str, list[Clip]] = {}
    for clip in recordings(root / STAMPS):
        by_language.setdefault(clip.language, []).append(clip)
    kept = {code: clips for code, clips in by_language.items() if len(clips) >= FEWEST_RECORDINGS}
    ordered = sorted(kept, key=lambda code: -len(kept[code]))
    chosen = {}
    for code in languages or ordered:
        if code not in kept:
            raise SystemExit(f"no recordings in {code}; there are {', '.join(ordered)}")
        chosen[code] = random.Random(SEED).sample(kept[code], min(count, len(kept[code])))
    return chosen


def recordings(stamps: Path) -> Iterator[Clip]:
    """The recordings with a caption in their language, of at least `FEWEST_WORDS` words."""
    for path in sorted(stamps.rglob("*.ogg")):
        match = re.fullmatch(r"(.+)_desc(?:_([a-z]{2})(?:_[A-Z]{2})?)?\.ogg", path.name)
        texts = path.with_name(f"{match[1]}.txt") if match else None
        if match is None or texts is None or not texts.is_file():
            continue
        language = match[2] or "en"
        caption = caption_in(texts, language)
        if len(plain(caption).split()) >= FEWEST_WORDS:
            yield Clip(path, language, caption)


def caption_in(texts: Path, language: str) -> str:
    """The caption in a language; English is the first line, others are `fr.utf8=...`."""
    lines = texts.read_text("utf-8", errors="replace").splitlines()
    if language == "en":
        return lines[0] if lines else ""
    mark = f"{language}.utf8="
    return next((text.removeprefix(mark) for text in lines if text.startswith(mark)), "")


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


def evaluate(program: Path, model: str, precision: str, language: str, clips: list[Clip]) -> dict[str, Any]:
    row: dict[str, Any] = {"language": language, "recordings": len(clips)}
    times = {}
    for context in CONTEXTS:
        options = {"language": language, "encoder_context": context}
        heard = transcribe(program, model, precision, options, clips)
        errors = characters = 0.0
        for clip, transcript in zip(clips, heard):
            caption = plain(clip.caption)
            errors += min(word_errors(list(caption), list(plain(transcript["text"]))), WORST * len(caption))
            characters += len(caption)
        row[f"errors_{context}"] = round(100 * errors / characters, 1)
        times[context] = statistics.median(it["ms"] for it in heard)
    row["full_ms"] = round(times["full"])
    for context in CONTEXTS[1:]:
        row[f"time_{context}"] = round(times[context] / times["full"], 2)
    if not model.endswith(".en"):
        heard = transcribe(program, model, precision, {"language": "auto", "temperature": 0}, clips)
        row["detected"] = round(100 * float(np.mean([it.get("language") == language for it in heard])), 1)
    return row


def found(program: Path, model: str, language: str, clips: list[Clip], root: Path) -> float | None:
    photographs = find_photographs(root)
    pictures = {it.path: it.noun for it in photographs}
    queries = [clip for clip in clips if clip.picture in pictures]
    if not queries:
        return None
    options = {"language": language, "task": "transcribe" if model.endswith(".en") else "translate"}
    texts = [noun(it["text"]) or "nothing" for it in transcribe(program, model, "auto", options, queries)]
    embeddings = embed("photos", [it.path for it in photographs], texts)
    similar = embeddings[len(photographs) :] @ embeddings[: len(photographs)].T
    nouns = np.array([it.noun for it in photographs])
    first = [nouns[np.argsort(-row)[:FIRST]] for row in similar]
    return round(100 * float(np.mean([pictures[clip.picture] in it for clip, it in zip(queries, first)])), 1)


def transcribe(
    program: Path, model: str, precision: str, options: dict[str, Any], clips: list[Clip]
) -> list[dict[str, Any]]:
    """The transcripts of the clips, in their order; a clip that cannot be read ends the evaluation."""
    device = {
        "device": "evaluation",
        "models": {
            "whisper": {"path": str(ROOT / "onnx" / model), "precision": precision},
            "vad": {"path": str(ROOT / "onnx/silero-vad")},
        },
        "pipeline": [{"transcribe": options}],
    }
    with tempfile.TemporaryDirectory() as scratch:
        device_file, manifest = Path(scratch) / "device.yaml", Path(scratch) / "records.jsonl"
        device_file.write_text(json.dumps(device))
        records = [{"id": str(at), "audio": str(clip.path)} for at, clip in enumerate(clips)]
        manifest.write_text("".join(json.dumps(record) + "\n" for record in records))
        command = [str(program), "--config", str(device_file), "--format", "json", "--quiet", "run", str(manifest)]
        environment = {"ORT_DYLIB_PATH": str(ROOT / "lib/libonnxruntime.so")}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(text)["transcript"] for text in done.stdout.splitlines()]


def line(row: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value}" for name, value in row.items())
