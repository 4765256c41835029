"""Writes tests/fixtures/blip/search.json: what transformers' `generate` writes with every option that edgefuse has.

    python scripts/make_fixtures_blip_search.py     # needs PyTorch, transformers, Pillow (scripts/requirements/train.txt)

Captions and answers of the checkpoint pair that onnx/blip-easyvqa is exported from: searches with beams and penalties,
several captions with their scores, and a list of answers with log-probabilities. Run it after every export; the format
is in tests/fixtures/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image
from transformers import BertTokenizer, BlipForConditionalGeneration, BlipForQuestionAnswering, BlipImageProcessorPil

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINTS = ROOT / "build/checkpoints/blip-easyvqa"
FILE = ROOT / "tests/fixtures/blip/search.json"
PICTURES = ("tests/data/easyvqa-0.png", "tests/data/easyvqa-23.png", "tests/fixtures/blip/photo-rgb.png")

QUESTION = "what shape is in the image?"
# Some share their beginning, some are in no answer of the training, one is of several words.
ANSWERS = ("circle", "rectangle", "triangle", "red", "green", "blue", "yes", "no", "a circle", "a red circle",
           "a red triangle", "a blue rectangle", "a red", "the image", "a a a a a a a a")  # fmt: skip

# The options by transformers' names; `max_new_tokens` and `min_new_tokens` are our `max_tokens` and `min_tokens`.
SEARCHES: tuple[dict[str, Any], ...] = (
    {},
    {"min_new_tokens": 6},
    {"repetition_penalty": 1.8, "min_new_tokens": 5, "max_new_tokens": 9},
    {"no_repeat_ngram_size": 2, "min_new_tokens": 8},
    {"num_beams": 3},
    {"num_beams": 3, "num_return_sequences": 3},
    {"num_beams": 4, "num_return_sequences": 4, "length_penalty": 2.0},
    {"num_beams": 4, "num_return_sequences": 4, "length_penalty": -1.0, "early_stopping": True},
    {"num_beams": 3, "num_return_sequences": 3, "early_stopping": True},
    {"num_beams": 3, "num_return_sequences": 2, "early_stopping": "never", "length_penalty": 0.5},
    {"num_beams": 5, "num_return_sequences": 5, "repetition_penalty": 1.5, "min_new_tokens": 4},
    {"num_beams": 2, "num_return_sequences": 2, "no_repeat_ngram_size": 2, "min_new_tokens": 6},
    {"num_beams": 3, "num_return_sequences": 3, "max_new_tokens": 2},
    {"num_beams": 8, "num_return_sequences": 8, "max_new_tokens": 6},
)
PROMPTED = (
    {},
    {"num_beams": 3, "num_return_sequences": 3, "repetition_penalty": 1.3},
    {"num_beams": 2, "min_new_tokens": 4},
)
PROMPT = "a blue"
CAPTION_MAX_TOKENS, ANSWER_MAX_TOKENS = 20, 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, metavar="DIR", help="holds caption/ and vqa/")
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    with torch.no_grad():
        content = reference(args.checkpoints)
    args.out.write_text(json.dumps(content) + "\n")
    print(f"{args.out}: {args.out.stat().st_size} bytes")
    return 0


def reference(checkpoints: Path) -> dict[str, Any]:
    """The content of the file."""
    captioning = BlipForConditionalGeneration.from_pretrained(checkpoints / "caption").eval()
    answering = BlipForQuestionAnswering.from_pretrained(checkpoints / "vqa").eval()
    tokenizer = BertTokenizer.from_pretrained(checkpoints / "vqa")
    processor = BlipImageProcessorPil.from_pretrained(checkpoints / "vqa")
    end = captioning.config.text_config.sep_token_id
    start = answering.decoder_start_token_id
    question = torch.tensor([tokenizer(QUESTION).input_ids])
    prompt = torch.tensor([tokenizer(PROMPT).input_ids])

    def written(model: Any, states: torch.Tensor, prompt: list[int], row: list[int]) -> dict[str, Any]:
        """The tokens behind the prompt without the end, and the log-probability with it."""
        tokens = row[len(prompt) :]
        tokens = tokens[: tokens.index(end) + 1] if end in tokens else tokens
        sums = log_probability(model.text_decoder, states, prompt, tokens)
        return {"tokens": [token for token in tokens if token != end], "log_probability": sums}

    def search(model: Any, pixels: torch.Tensor, ids: torch.Tensor | None, options: dict[str, Any]) -> dict[str, Any]:
        """One search of a model, which for answers is given the question's ids, for captions those of a prompt."""
        most = ANSWER_MAX_TOKENS if model is answering else CAPTION_MAX_TOKENS
        states, prompt = model.vision_model(pixels).last_hidden_state, [start]
        if model is answering:
            states = answering.text_encoder(ids, encoder_hidden_states=states).last_hidden_state
        elif ids is not None:
            prompt = [start, *ids[0, 1:-1].tolist()]
        # `generate` writes the start token into the prompt that it is given.
        ids = None if ids is None else ids.clone()
        output = model.generate(
            pixel_values=pixels,
            input_ids=ids,
            output_scores=True,
            return_dict_in_generate=True,
            **({"max_new_tokens": most} | options),
        )
        texts = [written(model, states, prompt, row.tolist()) for row in output.sequences]
        scores = getattr(output, "sequences_scores", None)
        return {"options": options, "texts": texts, "scores": None if scores is None else scores.tolist()}

    def rank(pixels: torch.Tensor) -> list[float]:
        image = answering.vision_model(pixels).last_hidden_state
        states = answering.text_encoder(question, encoder_hidden_states=image).last_hidden_state
        candidates = [[*tokenizer(text, add_special_tokens=False).input_ids, end] for text in ANSWERS]
        return [log_probability(answering.text_decoder, states, [start], tokens) for tokens in candidates]

    cases = []
    for name in PICTURES:
        pixels = processor(Image.open(ROOT / name), return_tensors="pt").pixel_values
        cases.append(
            {
                "image": name,
                "captions": [search(captioning, pixels, None, options) for options in SEARCHES],
                "prompted": [search(captioning, pixels, prompt, options) for options in PROMPTED],
                "answers": [search(answering, pixels, question, single(options)) for options in SEARCHES[:6]],
                "ranked": rank(pixels),
            }
        )
    return {
        "made_with": {"transformers": transformers.__version__, "torch": torch.__version__},
        "prompt": PROMPT,
        "question": QUESTION,
        "candidates": ANSWERS,
        "images": cases,
    }


def single(options: dict[str, Any]) -> dict[str, Any]:
    """The same search for one text."""
    return {key: value for key, value in options.items() if key != "num_return_sequences"}


def log_probability(decoder: Any, states: torch.Tensor, prompt: list[int], tokens: list[int]) -> float:
    """That of `tokens` behind the prompt, summed in double precision."""
    ids = torch.tensor([*prompt, *tokens])
    logits = decoder(ids[None, :-1], encoder_hidden_states=states).logits[0, len(prompt) - 1 :].double()
    return logits.log_softmax(-1).gather(1, torch.tensor(tokens)[:, None]).sum().item()


if __name__ == "__main__":
    sys.exit(main())
