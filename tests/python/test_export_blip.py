"""scripts/export.py blip against transformers' own BLIP classes with seeded random weights.

Needs PyTorch and transformers (scripts/requirements/train.txt); skipped with a message if they are not installed.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse_tools.export.blip.command import main
from edgefuse_tools.parity.blip_onnx import OnnxBlip
from test_export_blip_input import files_of

pytestmark = pytest.mark.training
reason = "the reference needs PyTorch and transformers, which the training environment has"
pytest.importorskip("torch", reason=reason)
import torch  # noqa: E402

pytest.importorskip("transformers", reason=reason)
import transformers  # noqa: E402

from edgefuse_tools.parity import blip_random  # noqa: E402  it imports PyTorch
from edgefuse_tools.parity.blip_random import VOCABULARY_SIZE, WORDS, randomised, small_config  # noqa: E402

# The models are tiny: more threads would only wait for each other.
torch.set_num_threads(1)

TOLERANCE = 1e-3
NEW_TOKENS = 16

CONFIGS: dict[str, dict[str, Any]] = {
    "small": {},
    "deep, odd heads": {
        "vision_config": {"hidden_size": 60, "num_hidden_layers": 6, "num_attention_heads": 5, "patch_size": 16},
        "text_config": {"hidden_size": 60, "num_hidden_layers": 5, "num_attention_heads": 3},
    },
    "one layer, quick_gelu": {
        "vision_config": {"num_hidden_layers": 1, "hidden_act": "quick_gelu"},
        "text_config": {"num_hidden_layers": 1, "hidden_act": "quick_gelu"},
    },
    "relu, untied output": {"text_config": {"hidden_act": "relu"}, "config": {"tie_word_embeddings": False}},
}


class Pair:
    """The three reference models with one vision encoder, and their exports in both dialects."""

    def __init__(self, folder: Path, changes: dict[str, Any]) -> None:
        config = small_config(**changes)
        self.captioning = randomised(transformers.BlipForConditionalGeneration(copy.deepcopy(config)), seed=1)
        self.answering = randomised(transformers.BlipForQuestionAnswering(copy.deepcopy(config)), seed=2)
        self.retrieval = randomised(transformers.BlipForImageTextRetrieval(copy.deepcopy(config)), seed=3)
        for other in (self.answering, self.retrieval):
            other.vision_model.load_state_dict(self.captioning.vision_model.state_dict())
        blip_random.save(self.retrieval, folder / "retrieval")
        blip_random.save(self.captioning, folder / "caption")
        blip_random.save(self.answering, folder / "vqa")
        tasks = [part for task in ("caption", "vqa", "retrieval") for part in (f"--{task}", str(folder / task))]
        self.exports = {}
        for dialect in ("ort", "standard"):
            out = folder / dialect
            assert main([*tasks, "--out", str(out), "--dialect", dialect, "--precision", "fp32"]) == 0
            self.exports[dialect] = OnnxBlip(folder / dialect, threads=1)
        size = config.vision_config.image_size
        generator = torch.Generator().manual_seed(3)
        self.pixels = torch.randn(4, 3, size, size, generator=generator)
        self.questions = torch.randint(5, len(WORDS), (4, 7), generator=generator)
        self.questions[:, 0], self.questions[:, -1] = WORDS.index("[CLS]"), WORDS.index("[SEP]")


@pytest.fixture(scope="module", params=CONFIGS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("blip"), CONFIGS[request.param])


@pytest.fixture(params=["ort", "standard"])
def exported(request: pytest.FixtureRequest, pair: Pair) -> OnnxBlip:
    return pair.exports[request.param]


@torch.no_grad()
def test_image_embeds(pair: Pair, exported: OnnxBlip) -> None:
    expected = pair.captioning.vision_model(pair.pixels).last_hidden_state.numpy()
    assert np.abs(exported.vision(pair.pixels.numpy())["image_embeds"] - expected).max() < TOLERANCE


@torch.no_grad()
def test_caption_logits_step_by_step(pair: Pair, exported: OnnxBlip) -> None:
    ids = torch.randint(0, VOCABULARY_SIZE, (4, 9), generator=torch.Generator().manual_seed(4))
    expected = pair.captioning(pair.pixels, input_ids=ids).logits.numpy()
    cross = exported.caption_cross(pair.pixels.numpy())
    # A prompt of three, then one at a time.
    got, past = exported.step("caption_decoder", ids[:, :3].numpy(), cross, None)
    assert np.abs(got - expected[:, 2]).max() < TOLERANCE
    for index in range(3, ids.shape[1]):
        got, past = exported.step("caption_decoder", ids[:, index : index + 1].numpy(), cross, past)
        assert np.abs(got - expected[:, index]).max() < TOLERANCE


@torch.no_grad()
def test_answer_logits(pair: Pair, exported: OnnxBlip) -> None:
    ids = torch.randint(0, VOCABULARY_SIZE, (4, 5), generator=torch.Generator().manual_seed(5))
    image = pair.answering.vision_model(pair.pixels).last_hidden_state
    states = pair.answering.text_encoder(pair.questions, encoder_hidden_states=image).last_hidden_state
    expected = pair.answering.text_decoder(ids, encoder_hidden_states=states).logits[:, -1].numpy()
    cross = exported.question(pair.questions.numpy(), exported.vision(pair.pixels.numpy())["image_embeds"])
    got, _ = exported.step("answer_decoder", ids.numpy(), cross, None)
    assert np.abs(got - expected).max() < TOLERANCE


@torch.no_grad()
def test_matching_and_embeddings(pair: Pair, exported: OnnxBlip) -> None:
    """Every picture with every text, texts of different lengths in one batch."""
    ids, mask = pair.questions.clone(), torch.ones_like(pair.questions)
    for row in range(3):
        ids[row, 4 + row :], mask[row, 4 + row :] = 0, 0
    vision = exported.vision(pair.pixels.numpy())
    texts = {"input_ids": ids, "attention_mask": mask}
    scores = pair.retrieval(pixel_values=pair.pixels, use_itm_head=False, **texts).itm_score.numpy()
    found = vision["image_embedding"] @ exported.embed(ids.numpy(), mask.numpy()).T
    assert np.abs(found - scores).max() < TOLERANCE
    for index, pixels in enumerate(pair.pixels.split(1)):
        expected = pair.retrieval(pixel_values=pixels.expand(4, -1, -1, -1), **texts).itm_score.numpy()
        got = exported.match(ids.numpy(), mask.numpy(), vision["image_embeds"][index : index + 1])
        assert np.abs(got - expected).max() < TOLERANCE


def test_captions(pair: Pair, exported: OnnxBlip) -> None:
    expected = pair.captioning.generate(pair.pixels, max_new_tokens=NEW_TOKENS, do_sample=False)
    assert exported.caption(pair.pixels.numpy(), NEW_TOKENS) == expected.tolist()


def test_captions_with_a_prompt(pair: Pair, exported: OnnxBlip) -> None:
    prompt = pair.questions[:1]
    for pixels in pair.pixels.split(1):
        expected = pair.captioning.generate(pixels, input_ids=prompt.clone(), max_new_tokens=NEW_TOKENS)
        assert exported.caption(pixels.numpy(), NEW_TOKENS, prompt[0].tolist()) == expected.tolist()


def test_answers(pair: Pair, exported: OnnxBlip) -> None:
    expected = pair.answering.generate(pair.questions, pair.pixels, max_new_tokens=NEW_TOKENS)
    assert exported.answer(pair.pixels.numpy(), pair.questions.numpy(), NEW_TOKENS) == expected.tolist()


def test_captions_end(pair: Pair) -> None:
    """Not all compared runs reach the limit: some end with the end token."""
    captions = pair.exports["ort"].caption(pair.pixels.numpy(), 30)
    answers = pair.exports["ort"].answer(pair.pixels.numpy(), pair.questions.numpy(), 30)
    assert any(WORDS.index("[SEP]") in ids for ids in [*captions, *answers])


def test_text_narrower_than_vision(tmp_path: Path) -> None:
    """As in BLIP large: 1024 for the picture, 768 for the text."""
    changes = {"text_config": {"hidden_size": 24, "num_attention_heads": 2}}
    model = randomised(transformers.BlipForConditionalGeneration(small_config(**changes)), seed=6)
    blip_random.save(model, tmp_path / "caption")
    assert main(["--caption", str(tmp_path / "caption"), "--out", str(tmp_path / "out")]) == 0
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(7))
    expected = model.generate(pixels, max_new_tokens=NEW_TOKENS)
    assert OnnxBlip(tmp_path / "out", threads=1).caption(pixels.numpy(), NEW_TOKENS) == expected.tolist()


@pytest.mark.parametrize("layout", ["sharded safetensors", "bin", "sharded bin", "half bin", "bfloat16 safetensors"])
def test_layouts_of_weights(layout: str, tmp_path: Path) -> None:
    """Every layout of the same weights yields the same files; half precision, those of the rounded weights."""
    model = randomised(transformers.BlipForQuestionAnswering(small_config()), seed=8)
    if layout.startswith("half"):
        model = model.half()
    if layout.startswith("bfloat16"):
        model = model.bfloat16()
    folder = tmp_path / "other"
    blip_random.save(model, folder, max_shard_size="150KB" if layout == "sharded safetensors" else "5GB")
    assert ("sharded safetensors" == layout) == (folder / "model.safetensors.index.json").is_file()
    if layout.endswith("bin"):
        (folder / "model.safetensors").unlink()
        write_bin(folder, model.state_dict(), sharded=layout.startswith("sharded"))
    blip_random.save(model.float(), tmp_path / "plain")
    exports = {}
    for name in ("other", "plain"):
        given = ["--vqa", str(tmp_path / name), "--precision", "fp32", "int8", "q8", "q4"]
        assert main([*given, "--out", str(tmp_path / f"{name}-out")]) == 0
        exports[name] = files_of(tmp_path / f"{name}-out")
    assert exports["other"] == exports["plain"]


def write_bin(folder: Path, state: dict[str, Any], sharded: bool) -> None:
    """The state dict as PyTorch wrote it before safetensors, in one file or two with an index."""
    if not sharded:
        torch.save(state, folder / "pytorch_model.bin")
        return
    names = [f"pytorch_model-{number}-of-2.bin" for number in (1, 2)]
    weight_map = {name: names[index % 2] for index, name in enumerate(state)}
    for shard in names:
        torch.save({name: state[name] for name in state if weight_map[name] == shard}, folder / shard)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_tokenizer_built_from_vocab_txt(tmp_path: Path) -> None:
    """The generated JSON tokenizes like transformers' BertTokenizer with the same file."""
    from tokenizers import Tokenizer

    model = randomised(transformers.BlipForConditionalGeneration(small_config()), seed=9)
    blip_random.save(model, tmp_path / "caption")
    assert main(["--caption", str(tmp_path / "caption"), "--out", str(tmp_path / "out")]) == 0
    reference = transformers.BertTokenizer.from_pretrained(tmp_path / "caption")
    built = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    texts = [
        "what color is the circle?",
        "The RED shapes",
        "",
        "caf\u00e9 [SEP] 42",
        "a\u3000shape\u200b?",
        "\u65e5\u672c a",
    ]
    for text in texts:
        ids = reference(text).input_ids
        assert built.encode(text).ids == ids, text
        assert built.decode(ids, skip_special_tokens=True) == reference.decode(ids, skip_special_tokens=True)
    assert built.token_to_id("[DEC]") == VOCABULARY_SIZE - 2
    assert built.token_to_id("[ENC]") == VOCABULARY_SIZE - 1
