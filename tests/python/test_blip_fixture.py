"""The committed random BLIP folder against results of transformers with the same weights, from the fixture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgefuse_tools.parity.blip_onnx import OnnxBlip, pixel_values

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures/blip"
CASES = json.loads((FIXTURES / "random.json").read_text("utf-8"))["images"]
VALUES = np.fromfile(FIXTURES / "random.f32", "<f4")
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def model() -> OnnxBlip:
    return OnnxBlip(FIXTURES / "random", threads=1)


@pytest.fixture(params=CASES, ids=lambda case: Path(case["image"]).stem)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


def pixels_of(case: dict[str, Any], model: OnnxBlip) -> np.ndarray:
    """The picture as preprocessed by BlipImageProcessorPil."""
    return pixel_values(Image.open(FIXTURES / Path(case["image"]).name), model.description["image"])


def array(reference: dict[str, Any]) -> np.ndarray:
    start = reference["offset"]
    return VALUES[start : start + reference["count"]].reshape(reference["shape"])


def test_matching_and_embeddings(model: OnnxBlip, case: dict[str, Any]) -> None:
    """Texts of several lengths in one padded batch."""
    expected = case["match"]
    ids = np.array(expected["input_ids"])
    mask = (ids != model.description["tokens"]["pad"]).astype(np.int64)
    assert not mask.all()
    vision = model.vision(pixels_of(case, model))
    for got, reference in (
        (model.match(ids, mask, vision["image_embeds"]), array(expected["match_logits"])),
        (model.embed(ids, mask), array(expected["text_embedding"])),
        (vision["image_embedding"][0], array(expected["image_embedding"])),
        (model.embed(ids, mask) @ vision["image_embedding"][0], np.array(expected["score"])),
    ):
        assert np.abs(got - reference).max() < TOLERANCE


def test_padding_does_not_matter(model: OnnxBlip) -> None:
    ids = np.array([[4, 5, 6, 0, 0], [4, 5, 6, 17, 18]])
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0]])
    one, other = model.embed(ids, mask)
    assert np.abs(one - other).max() < 1e-6
    assert np.abs(one - model.embed(ids, np.ones_like(mask))[1]).max() > 1e-3


def test_greedy_captions(model: OnnxBlip, case: dict[str, Any]) -> None:
    plain = case["captions"][0]
    assert set(plain["options"]) == {"num_beams", "max_new_tokens"} and plain["options"]["num_beams"] == 1
    pixels = pixels_of(case, model)
    assert model.caption(pixels, plain["options"]["max_new_tokens"]) == plain["ids"]


def test_hypotheses_of_a_picture_share_its_keys_and_values(model: OnnxBlip) -> None:
    """Two pictures with three prompts each in one batch give the same results as separately."""
    pixels = np.concatenate([pixels_of(case, model) for case in CASES[:2]])
    prompts = np.array([[70, 5, 6], [70, 11, 32], [70, 40, 41], [70, 7, 8], [70, 11, 32], [70, 50, 51]])
    together = model.caption_cross(pixels)
    logits, past = model.step("caption_decoder", prompts, together, None)
    after, _ = model.step("caption_decoder", prompts[:, 1:2], together, past)
    for row in range(len(prompts)):
        own = model.caption_cross(pixels[row // 3 : row // 3 + 1])
        alone, past = model.step("caption_decoder", prompts[row : row + 1], own, None)
        assert np.abs(alone[0] - logits[row]).max() < TOLERANCE
        alone, _ = model.step("caption_decoder", prompts[row : row + 1, 1:2], own, past)
        assert np.abs(alone[0] - after[row]).max() < TOLERANCE


def test_questions_about_a_picture_share_its_keys_and_values(model: OnnxBlip) -> None:
    embeds = model.vision(np.concatenate([pixels_of(case, model) for case in CASES[:2]]))["image_embeds"]
    questions = np.array([[4, 5, 6, 3], [4, 11, 12, 3], [4, 8, 9, 3], [4, 5, 13, 3]])
    together = model.question(questions, embeds)
    for row in range(len(questions)):
        alone = model.question(questions[row : row + 1], embeds[row // 2 : row // 2 + 1])
        for name, value in alone.items():
            assert np.abs(value[0] - together[name][row]).max() < TOLERANCE


def test_candidates(model: OnnxBlip, case: dict[str, Any]) -> None:
    """The log-probability of each candidate, with its tokens fed one after the other."""
    embeds = model.vision(pixels_of(case, model))["image_embeds"]
    start = model.description["tokens"]["start"]
    for answer in case["answers"]:
        words = json.loads((FIXTURES / "random/tokenizer.json").read_text("utf-8"))["model"]["vocab"]
        if not all(word in words for word in answer["question"].split()):
            continue  # split words: covered by the tokenizer's own tests
        question = [words["[CLS]"], *(words[word] for word in answer["question"].split()), words["[SEP]"]]
        cross = model.question(np.array([question]), embeds)
        for candidate in answer["ranked"]:
            past, total, fed = None, 0.0, start
            for token in candidate["ids"]:
                logits, past = model.step("answer_decoder", np.array([[fed]]), cross, past)
                row = logits[0].astype(np.float64)
                total += row[token] - np.log(np.exp(row - row.max()).sum()) - row.max()
                fed = token
            assert abs(total - candidate["log_probability"]) < 1e-3, candidate
