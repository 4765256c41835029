"""Writes tests/fixtures/words: what openai-whisper's `timing.py` and `utils.py` compute, for the Rust tests to compare with.

    python scripts/make_fixtures_words.py      # needs scripts/requirements/fixtures.txt

`timing`: the parts of word-level timestamps by themselves. `whisper-tiny.en`, `whisper-base`: words of the test
recordings, with the weights that `scripts/setup.sh whisper-base` fetches. `subtitles`: what the writers write.
The format is in tests/fixtures/README.md.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import io
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
import whisper
from whisper import timing
from whisper.model import Whisper, disable_sdpa
from whisper.utils import WriteSRT, WriteTSV, WriteVTT

from export.errors import ExportError
from parity.fixture_file import FixtureFile
from parity.whisper_reference import SAMPLE_RATE, load_openai, log_mel, read_speech

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests/data"
FIXTURES = ROOT / "tests/fixtures/words"
CHECKPOINTS = ROOT / "build/checkpoints"
MODELS = ("whisper-tiny.en", "whisper-base")

TRANSCRIBE: ModuleType = importlib.import_module("whisper.transcribe")
"""The module: in the package its name is taken by the function."""

MELS = 80
SPEECH = sorted(DATA.glob("librivox-*.wav")) + sorted(DATA.glob("cards-*.wav"))
"""Joined without pauses, in this order, they are more than one window."""
SHORT = DATA / "question-color.wav"
"""Whose attention is kept whole: it has to be small."""

SPOKEN = 2
"""Segments of the test speech whose subtitles are kept."""

DTW_SHAPES = ((1, 1), (1, 9), (6, 6), (9, 5), (12, 40))
PLACED = 48
"""Random cases of `add_word_timestamps`."""
WORDS = (" the", " a", " table", " consider", ".", ",", "?", ' "', " (", ")", '"', " -", "!", "-known", " Yes")

TEXTS = (
    ("en", " Hello, world! It's 3.5 o'clock (or so) — isn't it?"),
    ("en", ' He said: "No." and left... $5 #1 e-mail'),
    ("fr", " L’émigré naïf, « ça va » ?"),
    ("de", " 👩‍👩‍👧 Familie 🏳️‍🌈 größer\n Zeile"),
    ("ja", "こんにちは世界。元気ですか？𠮷野家"),
    ("zh", "我们去吃饭吧，好吗？龘靐"),
    ("th", "สวัสดีครับ ผมชื่อ"),
    ("ko", " 안녕하세요 세계 뷁"),
)

LAYOUTS: tuple[dict[str, Any], ...] = (
    {},
    {"highlight_words": True},
    {"max_line_width": 18},
    {"max_line_width": 24, "max_line_count": 2},
    {"max_line_width": 24, "max_line_count": 1},
    {"max_line_width": 16, "max_line_count": 2, "highlight_words": True},
    {"max_words_per_line": 3},
    {"max_words_per_line": 1},
    {"max_words_per_line": 4, "highlight_words": True},
    {"max_line_width": 20, "max_words_per_line": 5},
    {"max_line_count": 2},
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--checkpoints", type=Path, default=CHECKPOINTS, metavar="DIR", help=f"holds {', '.join(MODELS)}"
    )
    parser.add_argument("--out", type=Path, default=FIXTURES, metavar="DIR")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        models = {name: load(args.checkpoints / name) for name in MODELS}
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"timing: {write_timing(args.out, models['whisper-tiny.en'])} bytes", file=sys.stderr)
    spoken: list[dict[str, Any]] = []
    for name, model in models.items():
        recordings = [recording(model, [path]) for path in [*SPEECH, SHORT]] + [recording(model, SPEECH)]
        spoken = spoken or [segment for window in recordings[-1]["windows"] for segment in window["segments"]]
        size = write_json(args.out / f"{name}.json", {"made_with": made_with(), "recordings": recordings})
        print(f"{name}: {size} bytes", file=sys.stderr)
    print(f"subtitles: {write_subtitles(args.out, spoken)} bytes", file=sys.stderr)
    return 0


def load(checkpoint: Path) -> Whisper:
    model = load_openai(checkpoint)
    model.set_alignment_heads(whisper._ALIGNMENT_HEADS[checkpoint.name.removeprefix("whisper-")])
    return model


def tokenizer_of(model: Whisper) -> whisper.tokenizer.Tokenizer:
    return whisper.tokenizer.get_tokenizer(
        model.is_multilingual, num_languages=model.num_languages, language="en", task="transcribe"
    )


def write_timing(out: Path, model: Whisper) -> int:
    """timing.json and timing.f32."""
    values, random = FixtureFile(), np.random.default_rng(0)
    content = {
        "made_with": made_with(),
        "dtw": [warped(random, shape, values) for shape in DTW_SHAPES],
        "alignment": alignment(model, values),
        "splits": splits(),
        "placed": [placed(random) for _ in range(PLACED)],
    }
    return values.write(out, "timing", content)


def warped(random: np.random.Generator, shape: tuple[int, int], values: FixtureFile) -> dict[str, Any]:
    """A matrix of steps of a quarter, so that ties occur, and its path."""
    matrix = (random.integers(-4, 5, shape) / 4).astype(np.float32)
    rows, columns = timing.dtw_cpu(matrix.astype(np.float64))
    return {"cost": values.add(matrix), "rows": rows.tolist(), "columns": columns.tolist()}


@torch.no_grad()
def alignment(model: Whisper, values: FixtureFile) -> dict[str, Any]:
    """Scores of the alignment heads for a short recording, and what `find_alignment` makes of them."""
    tokenizer, mel = tokenizer_of(model), log_mel(read_speech(SHORT), MELS)
    options = whisper.DecodingOptions(language="en", temperature=0.0, without_timestamps=True, fp16=False)
    text = whisper.decode(model, mel, options).tokens
    frames = len(read_speech(SHORT)) * 100 // SAMPLE_RATE
    scores: dict[int, torch.Tensor] = {}
    hooks = [
        block.cross_attn.register_forward_hook(
            lambda _, __, outputs, layer=layer: scores.__setitem__(layer, outputs[-1][0])
        )
        for layer, block in enumerate(model.decoder.blocks)
    ]
    matrices: list[torch.Tensor] = []

    def warped(x: torch.Tensor) -> Any:
        matrices.append(x)
        return timing.dtw_cpu(x.double().numpy())

    with replaced(timing, "dtw", warped), disable_sdpa():
        words = timing.find_alignment(model, tokenizer, text, mel, frames)
    for hook in hooks:
        hook.remove()
    heads = torch.stack([scores[layer][head] for layer, head in model.alignment_heads.indices().T.tolist()])
    return {
        "audio": shown(SHORT),
        "frames": frames,
        "prompt": len(tokenizer.sot_sequence),
        "attention": values.add(heads[:, :, : frames // 2].numpy()),
        "matrix": values.add(-matrices[0].numpy()),
        "words": [[word.word, len(word.tokens), word.start, word.end] for word in words],
    }


def splits() -> list[dict[str, Any]]:
    """Texts, and texts cut inside a character, as words of the multilingual tokenizer.

    Left out are those whose last tokens openai-whisper puts into no word: ours have one.
    """
    cases = []
    for language, text in TEXTS:
        tokenizer = whisper.tokenizer.get_tokenizer(True, language=language, task="transcribe")
        tokens = tokenizer.encode(text)
        for part in (tokens, tokens[:-1], tokens[1:]):
            words, word_tokens = tokenizer.split_to_word_tokens([*part, tokenizer.eot])
            counts = [len(tokens) for tokens in word_tokens[:-1]]
            if sum(counts) == len(part):
                cases.append({"language": language, "tokens": part, "words": words[:-1], "counts": counts})
    return cases


def placed(random: np.random.Generator) -> dict[str, Any]:
    """Random words with random times, through `add_word_timestamps`."""
    seek, now = int(random.integers(0, 3)) * 1000, 0.0
    words: list[Any] = []
    segments: list[dict[str, Any]] = []
    for _ in range(random.integers(1, 4)):
        count = 0
        for _ in range(random.integers(0, 7)):
            pause = float(random.choice([0, 0, 0, 0.4, 3])) if count == 0 else 0.0
            start = now + pause
            now = start + float(random.choice([0, 0.1, 0.2, 0.24, 0.3, 0.9, 2.5]))
            # On the grid of 0.02 s, as jump times are: index / 50.
            start, now = round(start * 50) / 50, round(now * 50) / 50
            tokens = [0] * int(random.integers(1, 4))
            words.append(timing.WordTiming(str(random.choice(WORDS)), tokens, start, now, 0.5))
            count += len(tokens)
        shift = [float(random.choice([-1, -0.2, 0, 0, 0.2, 1])) for _ in range(2)]
        offset = seek / 100
        start = segments[-1]["end"] if segments else offset
        end = max(start, offset + now + shift[0])
        segments.append({"seek": seek, "start": start + max(shift[1], 0), "end": end, "tokens": [0] * count})
    last = max(0.0, seek / 100 - float(random.choice([0, 0.5, 4])))
    case = {
        "time_offset": seek / 100,
        "last_speech": last,
        "alignment": [[word.word, len(word.tokens), word.start, word.end] for word in words],
        "given": [[segment["start"], segment["end"], len(segment["tokens"])] for segment in segments],
    }
    with replaced(timing, "find_alignment", lambda *_, **__: words):
        timing.add_word_timestamps(
            segments=segments,
            model=None,
            tokenizer=SimpleNamespace(eot=1),
            mel=None,
            num_frames=0,
            last_speech_timestamp=last,
        )
    found = [
        [segment["start"], segment["end"], [[word["word"], word["start"], word["end"]] for word in segment["words"]]]
        for segment in segments
    ]
    return case | {"placed": found}


def recording(model: Whisper, paths: list[Path]) -> dict[str, Any]:
    """What `transcribe` gives `add_word_timestamps` in each window, and what that makes of it."""
    windows: list[dict[str, Any]] = []

    def add(*, segments: list[dict[str, Any]], num_frames: int, last_speech_timestamp: float, **rest: Any) -> None:
        given = [{name: segment[name] for name in ("start", "end", "tokens")} for segment in segments]
        seek = segments[0]["seek"]
        timing.add_word_timestamps(
            segments=segments, num_frames=num_frames, last_speech_timestamp=last_speech_timestamp, **rest
        )
        windows.append(
            {
                "seek": seek,
                "frames": num_frames,
                "last_speech": last_speech_timestamp,
                "given": given,
                "segments": [
                    {name: copy.deepcopy(segment[name]) for name in ("start", "end", "text", "words")}
                    for segment in segments
                ],
            }
        )

    samples = np.concatenate([read_speech(path) for path in paths])
    with replaced(TRANSCRIBE, "add_word_timestamps", add):
        whisper.transcribe(
            model,
            samples,
            language="en",
            temperature=0.0,
            condition_on_previous_text=False,
            fp16=False,
            word_timestamps=True,
        )
    return {"audio": [shown(path) for path in paths], "windows": windows}


def write_subtitles(out: Path, spoken: list[dict[str, Any]]) -> int:
    """subtitles.json."""
    transcripts = {"spoken": spoken[:SPOKEN], "made_up": made_up(), "without_words": without_words()}
    cases = []
    for name, segments in transcripts.items():
        layouts = LAYOUTS if "words" in segments[0] else ({},)
        for (form, writer), layout in itertools.product((("srt", WriteSRT), ("vtt", WriteVTT)), layouts):
            cases.append(
                {"transcript": name, "format": form, "layout": layout, "text": written(writer, segments, layout)}
            )
        cases.append({"transcript": name, "format": "tsv", "layout": {}, "text": written(WriteTSV, segments, {})})
    return write_json(out / "subtitles.json", {"made_with": made_with(), "transcripts": transcripts, "cases": cases})


def written(writer: Callable[[str], Any], segments: list[dict[str, Any]], layout: dict[str, Any]) -> str:
    file = io.StringIO()
    writer("").write_result({"segments": copy.deepcopy(segments)}, file=file, **layout)
    return file.getvalue()


def made_up() -> list[dict[str, Any]]:
    """Pauses, words longer than a line, wide characters, hours, times that end in half a millisecond."""
    times = itertools.count(3_590)
    segments = []
    for words in (
        [" One", " pause", " of", " five", " seconds"],
        [" Donaudampfschifffahrtsgesellschaftskapitän", " sprach."],
        ["こ", "ん", "に", "ち", "は", "。"],
        [" And", " an", " hour", " later", "—well,", " nearly."],
    ):
        placed_words = []
        for word in words:
            start = float(next(times)) + 0.0005
            placed_words.append({"word": word, "start": start, "end": start + 0.7525, "probability": 0.5})
        first, last = placed_words[0], placed_words[-1]
        text = "".join(words)
        segments.append({"start": first["start"], "end": last["end"], "text": text, "words": placed_words})
        for _ in range(4):
            next(times)
    return segments


def without_words() -> list[dict[str, Any]]:
    """Text that the formats would misread."""
    return [
        {"start": 0.0, "end": 1.0005, "text": " An arrow --> here"},
        {"start": 1.0005, "end": 3599.9999, "text": " a\ttab"},
        {"start": 3600.0, "end": 360_000.0, "text": " a hundred hours "},
    ]


@contextmanager
def replaced(module: ModuleType, name: str, value: Any) -> Iterator[None]:
    kept = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, kept)


def write_json(path: Path, content: dict[str, Any]) -> int:
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", "utf-8")
    return path.stat().st_size


def shown(path: Path) -> str:
    """The path from the repository's root."""
    return path.relative_to(ROOT).as_posix()


def made_with() -> dict[str, str]:
    """The versions whose output this is."""
    return {"openai-whisper": whisper.__version__, "torch": torch.__version__}


if __name__ == "__main__":
    sys.exit(main())
