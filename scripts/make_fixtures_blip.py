"""Writes tests/fixtures/blip: what transformers' BLIP computes, for the Rust tests to compare with.

    python scripts/make_fixtures_blip.py            # needs PyTorch, transformers, Pillow (scripts/requirements/train.txt)

`random`: a model folder of the three tasks with random weights, and what beams, ranking and matching make of it. `pixels`: pixel values of BlipImageProcessor (its Pillow backend) at 64 and 384 pixels. `model`: tokens, image embeddings,
logits, captions, answers and matches of the checkpoints that onnx/blip-easyvqa is exported from; run it after every export.
The format is in tests/fixtures/README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import PIL
import torch
import transformers
from PIL import Image
from transformers import (
    BertTokenizer,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
    BlipImageProcessorPil,
)

from parity.blip_matching import match
from parity.blip_pictures import make_pictures
from parity.blip_random_fixture import write_random
from parity.fixture_file import FixtureFile

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests/fixtures/blip"
CHECKPOINTS = ROOT / "build/checkpoints/blip-easyvqa"
PICTURES = 8

# Prime strides: the samples walk through every channel, row and column.
PIXEL_STRIDES = {64: 29, 384: 997}
EMBEDS_STRIDE = 17
LOGITS_STRIDE = 5

QUESTIONS = (
    "what color is the shape?",
    "what shape is in the image?",
    "is there a circle?",
    "does the image not contain a red shape?",
)
# Also what no question of the training has: accents, capitals, words in pieces, unknown characters, other spaces.
TEXTS = (*QUESTIONS, "What colour is the SHAPE??", "café\u00a0au lait, 42 times\tit's", "日本 pictures - a_b!", "")
MATCHED = ("a red circle", "a blue rectangle", "the image does not contain a green triangle", "gray", "a circle")

PROMPT = "a blue"
TASKS = ("caption", "vqa", "retrieval")
CAPTION_MAX_TOKENS, ANSWER_MAX_TOKENS = 20, 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["pixels", "random", "model"], help="one of the parts")
    parser.add_argument(
        "--checkpoints", type=Path, default=CHECKPOINTS, metavar="DIR", help="holds caption/, vqa/ and retrieval/"
    )
    parser.add_argument("--out", type=Path, default=FIXTURES, metavar="DIR")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    transformers.logging.set_verbosity_error()
    torch.manual_seed(0)
    if args.only in (None, "pixels"):
        make_pictures(args.out)
        print(f"pixels: {write_pixels(args.out)} bytes")
    if args.only in (None, "random"):
        print(f"random: {write_random(args.out, made_with())} bytes")
    if args.only in (None, "model"):
        for task in TASKS:
            if not (args.checkpoints / task / "config.json").is_file():
                print(f"{args.checkpoints / task}: no checkpoint there; train it first", file=sys.stderr)
                return 2
        print(f"model: {write_model(args.out, args.checkpoints)} bytes")
    return 0


def pictures() -> list[Path]:
    """The easy-VQA pictures of the test data."""
    return sorted((ROOT / "tests/data").glob("easyvqa-*.png"))[:PICTURES]


def write_pixels(out: Path) -> int:
    """pixels.json and pixels.f32: every picture through the processor at both sizes."""
    values, cases = FixtureFile(), []
    for path in [*sorted(out.glob("*.png")), *pictures()[:2]]:
        for size, stride in PIXEL_STRIDES.items():
            processor = BlipImageProcessorPil(size={"height": size, "width": size})
            pixels = processor(Image.open(path), return_tensors="np").pixel_values[0]
            case = {"image": path.relative_to(ROOT).as_posix(), "mode": Image.open(path).mode, "size": size}
            cases.append(case | {"pixel_values": values.add(pixels, stride)})
    processor = BlipImageProcessorPil()
    settings = {"resample": "bicubic", "rescale": processor.rescale_factor}
    settings |= {"mean": list(processor.image_mean), "std": list(processor.image_std)}
    return values.write(out, "pixels", {"made_with": made_with(), "settings": settings, "cases": cases})


@torch.no_grad()
def write_model(out: Path, checkpoints: Path) -> int:
    """model.json and model.f32: the trained checkpoints on the easy-VQA pictures."""
    captioning = BlipForConditionalGeneration.from_pretrained(checkpoints / "caption").eval()
    answering = BlipForQuestionAnswering.from_pretrained(checkpoints / "vqa").eval()
    retrieving = BlipForImageTextRetrieval.from_pretrained(checkpoints / "retrieval").eval()
    tokenizer = BertTokenizer.from_pretrained(checkpoints / "vqa")
    processor = BlipImageProcessorPil.from_pretrained(checkpoints / "vqa")
    values = FixtureFile()

    def encode(text: str) -> torch.Tensor:
        return torch.tensor([tokenizer(text).input_ids])

    def text_of(ids: torch.Tensor) -> str:
        return tokenizer.decode(ids, skip_special_tokens=True)

    def sample(logits: torch.Tensor) -> dict[str, Any]:
        return values.add(logits.numpy(), LOGITS_STRIDE)

    def caption(pixels: torch.Tensor, prompt: str | None) -> dict[str, Any]:
        prompt_ids = encode(prompt) if prompt else None
        ids = captioning.generate(pixels, input_ids=prompt_ids, max_new_tokens=CAPTION_MAX_TOKENS)[0]
        # The generated ids but the last, taught: logits behind every position, the step after the prompt among them.
        logits = captioning(pixels, input_ids=ids[None, :-1]).logits[0]
        return {"prompt": prompt, "ids": ids.tolist(), "text": text_of(ids), "logits": sample(logits)}

    def answer(pixels: torch.Tensor, question: str) -> dict[str, Any]:
        question_ids = encode(question)
        ids = answering.generate(question_ids, pixels, max_new_tokens=ANSWER_MAX_TOKENS)[0]
        # BlipForQuestionAnswering returns no logits: its two halves by hand, as its generate has them.
        image = answering.vision_model(pixels).last_hidden_state
        states = answering.text_encoder(question_ids, encoder_hidden_states=image).last_hidden_state
        logits = answering.text_decoder(ids[None, :-1], encoder_hidden_states=states).logits[0]
        return {"question": question, "ids": ids.tolist(), "text": text_of(ids), "logits": sample(logits)}

    cases = []
    for path in pictures():
        pixels = processor(Image.open(path), return_tensors="pt").pixel_values
        embeds = captioning.vision_model(pixels).last_hidden_state[0]
        cases.append(
            {
                "image": path.relative_to(ROOT).as_posix(),
                "image_embeds": values.add(embeds.numpy(), EMBEDS_STRIDE),
                "captions": [caption(pixels, None), caption(pixels, PROMPT)],
                "answers": [answer(pixels, question) for question in QUESTIONS],
                "match": match(retrieving, tokenizer, pixels, MATCHED, values),
            }
        )
    content = {
        "made_with": made_with(),
        "weights": {task: sha256(checkpoints / task / "model.safetensors") for task in TASKS},
        "texts": [{"text": text, "ids": tokenizer(text).input_ids} for text in TEXTS],
        "images": cases,
    }
    return values.write(out, "model", content)


def made_with() -> dict[str, str]:
    """The versions whose output this is."""
    return {"transformers": transformers.__version__, "torch": torch.__version__, "pillow": PIL.__version__}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
