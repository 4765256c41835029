"""Writes tests/fixtures/blip2: two tiny BLIP-2 models with random weights, exported, and what transformers makes of them.

    python scripts/make_fixtures_blip2.py            # needs PyTorch, transformers (scripts/requirements/train.txt)

The format is in tests/fixtures/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image

from export_blip2 import main as export
from parity.blip2_random import QUERIES, randomised, save, small_config

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests/fixtures/blip2"
PICTURES = ("tests/data/easyvqa-0.png", "tests/data/easyvqa-19.png", "tests/data/easyvqa-41.png")

SEEDS = {"opt": 1, "t5": 4}
SMALLER = {"vision": {"image_size": 12, "patch_size": 6, "num_hidden_layers": 1}, "qformer": {"num_hidden_layers": 2}}
"""Half of the folders would be the vision transformer, which BLIP has too."""

PROMPT = "a red circle"
QUESTION, QUESTION_PROMPT = "what is the shape?", "Question: {question} Answer:"
CANDIDATES = ["red", "red circle", "blue", "a circle", "color"]
NEW_TOKENS = 12

SEARCHES: tuple[dict[str, Any], ...] = (
    {},
    {"num_beams": 3, "num_return_sequences": 3},
    {"num_beams": 2, "length_penalty": 2.0, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES, metavar="DIR")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for language in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            content = reference(language, Path(folder))
            given = [folder, "--out", str(args.out / language), "--name", f"blip2-{language}-random"]
            provenance = [
                "--weights",
                "random, seeded",
                "--origin",
                "scripts/make_fixtures_blip2.py",
                "--license",
                "MIT",
            ]
            if export([*given, "--precision", "fp32", *provenance]) != 0:
                return 1
        path = args.out / f"{language}.json"
        path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    return 0


@torch.no_grad()
def reference(language: str, folder: Path) -> dict[str, Any]:
    """Saves the model of a language model's kind to `folder`; gives what it makes of the pictures."""
    model = randomised(small_config(language, **SMALLER), SEEDS[language])
    processor = save(model, folder)
    cases = []
    for name in PICTURES:
        picture = Image.open(ROOT / name).convert("RGB")
        pixels = processor.image_processor(picture, return_tensors="pt").pixel_values
        case: dict[str, Any] = {"image": name, "texts": []}
        for kind, prompt in (("caption", None), ("caption", PROMPT), ("answer", QUESTION)):
            text = QUESTION_PROMPT.replace("{question}", QUESTION) if kind == "answer" else prompt
            ids = None
            if text is not None:
                ids = torch.tensor([processor(images=picture, text=text).input_ids[0]])
            for search in SEARCHES:
                # An answer is a single one; greedy search gives no more either.
                options = search | ({"num_return_sequences": 1} if kind == "answer" and search else {})
                entry = {"kind": kind, "prompt": prompt, "options": options}
                case["texts"].append(entry | written(model, processor, pixels, ids, options))
        case["ranked"] = log_probabilities(model, processor, pixels, picture)
        cases.append(case)
    return {
        "made_with": {"transformers": transformers.__version__, "torch": torch.__version__},
        "max_new_tokens": NEW_TOKENS,
        "candidates": CANDIDATES,
        "question": QUESTION,
        "images": cases,
    }


def written(model: Any, processor: Any, pixels: torch.Tensor, ids: torch.Tensor | None, options: Any) -> dict[str, Any]:
    """The texts of `generate`, the best first: new tokens without the end token, and the text as it is read."""
    output = model.generate(pixels, input_ids=ids, max_new_tokens=NEW_TOKENS, do_sample=False, **options)
    opt = model.config.use_decoder_only_language_model
    given = 1 if not opt else QUERIES + 1 if ids is None else ids.shape[1]
    end = model.config.text_config.eos_token_id
    texts = []
    for row in output:
        tokens = row[given:].tolist()
        texts.append(tokens[: tokens.index(end)] if end in tokens else tokens)
    return {"tokens": texts, "text": [processor.tokenizer.decode(it, skip_special_tokens=True).strip() for it in texts]}


def log_probabilities(model: Any, processor: Any, pixels: torch.Tensor, picture: Image.Image) -> list[float]:
    """That of each candidate as the answer to the question, its end token counted."""
    text = QUESTION_PROMPT.replace("{question}", QUESTION)
    given = torch.tensor([processor(images=picture, text=text).input_ids[0]])
    opt, end = model.config.use_decoder_only_language_model, model.config.text_config.eos_token_id
    sums = []
    for candidate in CANDIDATES:
        tokens = processor.tokenizer(f" {candidate}" if opt else candidate, add_special_tokens=False).input_ids + [end]
        answer = torch.tensor([tokens])
        if opt:
            logits = model(pixels, input_ids=torch.cat([given, answer], dim=1)).logits[0, given.shape[1] - 1 : -1]
        else:
            start = torch.full((1, 1), model.config.text_config.decoder_start_token_id)
            fed = torch.cat([start, answer[:, :-1]], dim=1)
            logits = model(pixels, input_ids=given, decoder_input_ids=fed).logits[0]
        sums.append(logits.log_softmax(-1).gather(1, answer[0][:, None]).sum().item())
    return sums


if __name__ == "__main__":
    sys.exit(main())
