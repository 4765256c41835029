"""A BLIP model folder of all three tasks with seeded random weights, small enough to be committed, and results of
transformers: beam search, sequence scores, candidates' log-probabilities, matching and embeddings."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import (
    BertTokenizer,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
    BlipImageProcessorPil,
)

from edgefuse_tools import ROOT
from edgefuse_tools.export.blip.exporter import Checkpoints, export_blip
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.parity import blip_random
from edgefuse_tools.parity.blip_matching import match
from edgefuse_tools.parity.fixture_file import FixtureFile

NAME = "random"
# Weights below 1 KB are stored inside their graph: with these sizes, nearly all of them.
SIZES = {"hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2}
PICTURES = ("photo-rgb.png", "photo-gray.png", "photo-palette.png")
QUESTIONS = ("what color is the circle?", "is the shape red", "w60 w61?")
CANDIDATES = ("red", "blue circle", "the red shape", "circle", "w40 w41 w42", "blue", "shapes")
TEXTS = ("a red circle", "the blue shape is in the circle", "red", "what is w50?")
PROMPT = "the red shape"

SEARCHES: tuple[dict[str, Any], ...] = (
    {"num_beams": 1},
    {"num_beams": 1, "repetition_penalty": 1.5},
    {"num_beams": 1, "min_new_tokens": 6},
    {"num_beams": 3},
    {"num_beams": 3, "length_penalty": 2.0},
    {"num_beams": 3, "length_penalty": -1.0},
    {"num_beams": 3, "repetition_penalty": 1.5},
    {"num_beams": 3, "min_new_tokens": 6},
    {"num_beams": 3, "num_return_sequences": 3},
    {"num_beams": 5, "num_return_sequences": 2, "length_penalty": 0.0, "min_new_tokens": 3, "repetition_penalty": 1.2},
    {"num_beams": 1, "no_repeat_ngram_size": 2},
    {"num_beams": 4, "num_return_sequences": 4, "early_stopping": True, "length_penalty": -1.0},
    {"num_beams": 3, "num_return_sequences": 2, "early_stopping": "never", "length_penalty": 0.5},
    {"num_beams": 2, "num_return_sequences": 2, "no_repeat_ngram_size": 2, "min_new_tokens": 5},
    {"num_beams": 8, "num_return_sequences": 8, "max_new_tokens": 3},
)
"""Options of `generate`."""
CAPTION_MAX_TOKENS, ANSWER_MAX_TOKENS = 12, 8


def models() -> dict[str, Any]:
    """The three models by task, with a shared vision encoder."""
    config = blip_random.small_config(
        vision_config=SIZES,
        text_config=SIZES | {"vocab_size": 72, "bos_token_id": 70},
        config={"image_text_hidden_size": 8},
    )
    kinds = {
        "caption": BlipForConditionalGeneration,
        "vqa": BlipForQuestionAnswering,
        "retrieval": BlipForImageTextRetrieval,
    }
    made = {
        task: blip_random.randomised(kind(copy.deepcopy(config)), seed)
        for seed, (task, kind) in enumerate(kinds.items(), 21)
    }
    for model in made.values():
        model.vision_model.load_state_dict(made["caption"].vision_model.state_dict())
    return made


@torch.no_grad()
def write_random(out: Path, made_with: dict[str, str]) -> int:
    """Writes random.json, random.f32 and the model folder random/; returns the size of the first two."""
    made = models()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {task: Path(scratch, task) for task in made}
        for task, model in made.items():
            blip_random.save(model, folders[task])
        source = {
            "weights": "random",
            "origin": "scripts/dev.py make_fixtures_blip",
            "license": "MIT OR Apache-2.0",
            "exporter": "scripts/export.py blip",
        }
        export_blip(
            out / NAME,
            Checkpoints(**folders),
            name=NAME,
            source=source,
            dialect=Dialect.ORT,
            precisions=[Precision.FP32],
        )
        tokenizer = BertTokenizer.from_pretrained(folders["vqa"])
    size = made["caption"].config.vision_config.image_size
    processor = BlipImageProcessorPil(size={"height": size, "width": size})
    values, cases = FixtureFile(), []
    for name in PICTURES:
        pixels = processor(Image.open(out / name), return_tensors="pt").pixel_values
        cases.append(
            {
                "image": (out / name).relative_to(ROOT).as_posix(),
                "captions": captions(made["caption"], tokenizer, pixels),
                "answers": answers(made["vqa"], tokenizer, pixels),
                "match": match(made["retrieval"], tokenizer, pixels, TEXTS, values),
            }
        )
    return values.write(out, NAME, {"made_with": made_with, "images": cases})


def captions(model: Any, tokenizer: Any, pixels: torch.Tensor) -> list[dict[str, Any]]:
    """Every search without a prompt, and beam searches with one."""
    found = []
    for prompt in (None, PROMPT):
        ids = torch.tensor([tokenizer(prompt).input_ids]) if prompt else None
        for options in SEARCHES:
            if prompt is None or options["num_beams"] > 1:
                generated = searched(model, {"max_new_tokens": CAPTION_MAX_TOKENS} | options, tokenizer, pixels, ids)
                found.append({"prompt": prompt} | generated)
    return found


def answers(model: Any, tokenizer: Any, pixels: torch.Tensor) -> list[dict[str, Any]]:
    """Every search for every question, and the candidates' log-probabilities."""
    found = []
    for question in QUESTIONS:
        ids = torch.tensor([tokenizer(question).input_ids])
        options = [{"max_new_tokens": ANSWER_MAX_TOKENS} | one for one in SEARCHES]
        found.append(
            {
                "question": question,
                "searches": [searched(model, one, tokenizer, pixels, ids) for one in options],
                "ranked": ranked(model, tokenizer, pixels, ids),
            }
        )
    return found


def searched(
    model: Any, options: dict[str, Any], tokenizer: Any, pixels: torch.Tensor, ids: torch.Tensor | None
) -> dict[str, Any]:
    """Output of `generate`: the sequences, best first, with their scores if there are beams.

    A score is the sum of the log-probabilities, penalties for repetition included, over length ** length_penalty, the
    length being that of the new tokens with the end token.
    """
    given = {"pixel_values": pixels} | ({"input_ids": ids.clone()} if ids is not None else {})
    generated = model.generate(**given, do_sample=False, return_dict_in_generate=True, output_scores=True, **options)
    sequences = [trimmed(row, model) for row in generated.sequences.tolist()]
    scores = generated.sequences_scores.tolist() if options["num_beams"] > 1 else None
    texts = [tokenizer.decode(row, skip_special_tokens=True) for row in sequences]
    return {"options": options, "ids": sequences, "texts": texts, "scores": scores}


def trimmed(ids: list[int], model: Any) -> list[int]:
    """Removes the padding after the end token."""
    end = model.config.text_config.sep_token_id
    return ids[: ids.index(end) + 1] if end in ids else ids


def ranked(model: Any, tokenizer: Any, pixels: torch.Tensor, question: torch.Tensor) -> list[dict[str, Any]]:
    """Every candidate's tokens after the start token, including the end token, and the sum of their
    log-probabilities."""
    image = model.vision_model(pixels).last_hidden_state
    states = model.text_encoder(question, encoder_hidden_states=image).last_hidden_state
    start, end = model.config.text_config.bos_token_id, model.config.text_config.sep_token_id
    found = []
    for text in CANDIDATES:
        ids = [*tokenizer(text, add_special_tokens=False).input_ids, end]
        fed = torch.tensor([[start, *ids[:-1]]])
        logits = model.text_decoder(fed, encoder_hidden_states=states).logits[0].double()
        log_probability = logits.log_softmax(-1)[torch.arange(len(ids)), ids].sum()
        found.append({"text": text, "ids": ids, "log_probability": log_probability.item()})
    return found
