"""scripts/export.py blip2 against transformers' Blip2ForConditionalGeneration with seeded random weights.

Needs PyTorch and transformers (scripts/requirements/train.txt); skipped with a message if they are not installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse_tools.export.blip2.command import main
from edgefuse_tools.export.blip2.t5 import position_buckets
from edgefuse_tools.parity.blip2_onnx import OnnxBlip2

pytestmark = pytest.mark.training
reason = "the reference needs PyTorch and transformers, which the training environment has"
pytest.importorskip("torch", reason=reason)
import torch  # noqa: E402

pytest.importorskip("transformers", reason=reason)
import transformers  # noqa: E402

from edgefuse_tools.parity import blip2_random  # noqa: E402  it imports PyTorch
from edgefuse_tools.parity.blip2_random import QUERIES, VOCABULARY_SIZE, randomised, small_config  # noqa: E402

# The models are tiny: more threads would only wait for each other.
torch.set_num_threads(1)

TOLERANCE = 1e-3
NEW_TOKENS = 16
PICTURES = 4
TEXTS = ("a red circle", "Question: what is the color? Answer:")

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "opt": ("opt", {}),
    "opt, norm behind, gelu, untied": (
        "opt",
        {"text": {"do_layer_norm_before": False, "activation_function": "gelu", "tie_word_embeddings": False}},
    ),
    "opt, no bias, no final norm": ("opt", {"text": {"enable_bias": False, "_remove_final_layer_norm": True}}),
    "opt, wider, Q-Former looks once in three layers": (
        "opt",
        {
            "vision": {"hidden_size": 20, "hidden_act": "quick_gelu"},
            "qformer": {"hidden_size": 18, "cross_attention_frequency": 3, "num_hidden_layers": 4},
            "text": {"hidden_size": 32, "word_embed_proj_dim": 32, "num_attention_heads": 4, "num_hidden_layers": 3},
        },
    ),
    "t5, gated": ("t5", {}),
    "t5, plain, scaled outputs": (
        "t5",
        {"text": {"feed_forward_proj": "relu", "tie_word_embeddings": True, "d_ff": 48}},
    ),
    "t5 as the authors have it": (
        "t5",
        {
            "text": {"dense_act_fn": "gelu", "num_layers": 3, "num_decoder_layers": 1, "num_heads": 3, "d_model": 32}
            | {"relative_attention_num_buckets": 32, "relative_attention_max_distance": 128}
        },
    ),
}


class Case:
    """A reference model and its exports in both dialects."""

    def __init__(self, folder: Path, language: str, changes: dict[str, Any]) -> None:
        self.model = randomised(small_config(language, **changes), seed=1)
        self.processor = blip2_random.save(self.model, folder / "checkpoint")
        self.exports = {}
        for dialect in ("ort", "standard"):
            arguments = [str(folder / "checkpoint"), "--out", str(folder / dialect), "--dialect", dialect]
            assert main([*arguments, "--precision", "fp32"]) == 0
            self.exports[dialect] = OnnxBlip2(folder / dialect)
        size = self.model.config.vision_config.image_size
        self.pixels = torch.randn(PICTURES, 3, size, size, generator=torch.Generator().manual_seed(3))

    def reference(self, pixels: torch.Tensor, text: str | None, **options: Any) -> list[int]:
        """New tokens of `generate`, as in the processor's documentation."""
        ids = None if text is None else torch.tensor([self.with_image(text)])
        written = self.model.generate(pixels, input_ids=ids, max_new_tokens=NEW_TOKENS, do_sample=False, **options)[0]
        # OPT's follow its input, T5's follow the start token.
        decoder_only = self.model.config.use_decoder_only_language_model
        given = 1 if not decoder_only else QUERIES + 1 if ids is None else ids.shape[1]
        return written[given:].tolist()

    def with_image(self, text: str) -> list[int]:
        """The processor's ids for `text` with a picture."""
        return [self.model.config.image_token_index] * QUERIES + self.prompt(text)

    def prompt(self, text: str) -> list[int]:
        return self.processor.tokenizer(text).input_ids


@pytest.fixture(scope="module", params=CONFIGS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("blip2"), *CONFIGS[request.param])


@pytest.fixture(params=["ort", "standard"])
def exported(request: pytest.FixtureRequest, case: Case) -> OnnxBlip2:
    return case.exports[request.param]


def test_the_processor_puts_the_picture_before_the_prompt(case: Case) -> None:
    picture = torch.zeros(3, 24, 24, dtype=torch.uint8)
    given = case.processor(images=picture, text=TEXTS[1]).input_ids[0]
    assert list(given) == case.with_image(TEXTS[1])


@torch.no_grad()
def test_image_embeds(case: Case, exported: OnnxBlip2) -> None:
    expected = case.model.get_image_features(case.pixels).pooler_output.numpy()
    assert np.abs(exported.vision(case.pixels.numpy()) - expected).max() < TOLERANCE


@torch.no_grad()
def test_logits_step_by_step(case: Case, exported: OnnxBlip2) -> None:
    generator = torch.Generator().manual_seed(4)
    text = torch.randint(4, VOCABULARY_SIZE - 1, (PICTURES, 25), generator=generator)
    prompt = case.prompt(TEXTS[1])
    image = exported.vision(case.pixels.numpy())
    fed, about = exported.start(image, prompt)
    given = torch.tensor([case.with_image(TEXTS[1])] * PICTURES)
    if case.model.config.use_decoder_only_language_model:
        ids = torch.cat([given, text], dim=1)
        expected = case.model(case.pixels, input_ids=ids).logits[:, given.shape[1] - 1 :].numpy()
    else:
        start = torch.full((PICTURES, 1), fed[0])
        expected = case.model(case.pixels, input_ids=given, decoder_input_ids=torch.cat([start, text], dim=1))
        expected = expected.logits.numpy()
    # A prompt and three tokens at once, then one at a time.
    first = np.concatenate([[fed] * PICTURES, text[:, :3].numpy()], axis=1)
    got, past = exported.step(first, about, None)
    assert np.abs(got - expected[:, 3]).max() < TOLERANCE
    for index in range(3, text.shape[1]):
        got, past = exported.step(text[:, index : index + 1].numpy(), about, past)
        assert np.abs(got - expected[:, index + 1]).max() < TOLERANCE


@pytest.mark.parametrize("text", [None, "", *TEXTS])
def test_texts(case: Case, exported: OnnxBlip2, text: str | None) -> None:
    prompt = None if text is None else case.prompt(text)
    for pixels in case.pixels.split(1):
        assert exported.greedy(pixels.numpy(), prompt, NEW_TOKENS) == case.reference(pixels, text)


def test_texts_differ_and_end(case: Case) -> None:
    """The compared texts are neither one repeated token nor all cut at the limit."""
    written = [case.reference(pixels, text) for pixels in case.pixels.split(1) for text in TEXTS]
    assert len({tuple(tokens) for tokens in written}) > 2
    assert max(len(set(tokens)) for tokens in written) > 2


@torch.no_grad()
@pytest.mark.parametrize("language", ["opt", "t5"])
def test_precisions_stay_close(language: str, tmp_path: Path) -> None:
    text = {"hidden_size": 64, "word_embed_proj_dim": 64} if language == "opt" else {"d_model": 64}
    model = randomised(small_config(language, text=text), seed=5, gain=1.0)
    blip2_random.save(model, tmp_path / "checkpoint")
    names = ["fp32", "fp16", "int8", "q8", "q4"]
    assert main([str(tmp_path / "checkpoint"), "--out", str(tmp_path / "out"), "--precision", *names]) == 0
    pixels = torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(6)).numpy()

    def logits(precision: str) -> np.ndarray:
        model = OnnxBlip2(tmp_path / "out", precision)
        fed, about = model.start(model.vision(pixels), [2, 5, 8, 1])
        return model.step(np.array([fed], np.int64), about, None)[0][0]

    exact = logits("fp32")
    for precision, least in (("fp16", 0.9999), ("int8", 0.97), ("q8", 0.99), ("q4", 0.85)):
        assert np.corrcoef(exact, logits(precision))[0, 1] > least, precision


@pytest.mark.parametrize("both_ways", [True, False])
@pytest.mark.parametrize("buckets, furthest", [(32, 128), (8, 12), (64, 256)])
def test_position_buckets(both_ways: bool, buckets: int, furthest: int) -> None:
    from transformers.models.t5.modeling_t5 import T5Attention

    distances = torch.arange(-400, 401)
    expected = T5Attention._relative_position_bucket(distances, both_ways, buckets, furthest)
    config = transformers.T5Config(relative_attention_num_buckets=buckets, relative_attention_max_distance=furthest)
    assert position_buckets(distances.numpy(), config, both_ways=both_ways).tolist() == expected.tolist()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"model_type": "blip"}, "this exporter supports 'blip-2'"),
        (
            {"text_config": {"model_type": "llama"}},
            "text_config.model_type is 'llama'; this exporter supports 'opt' and 't5'",
        ),
        ({"text_config": {"word_embed_proj_dim": 6}}, "text_config.word_embed_proj_dim is not hidden_size"),
        ({"text_config": {"eos_token_id": 72}}, "text_config.eos_token_id is 72; expected one token id below 72"),
        (
            {"text_config": {"activation_function": "swish"}},
            "activation_function is 'swish'; this exporter supports gelu",
        ),
        ({"text_config": {"vocab_size": 60}}, "belongs to another model: it has a token 71"),
        ({"vision_config": {"qkv_bias": False}}, "vision_config.qkv_bias is false"),
        ({"num_query_tokens": 0}, "num_query_tokens must be at least 1"),
    ],
)
def test_what_cannot_be_exported(
    change: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "checkpoint"
    blip2_random.save(randomised(small_config("opt"), seed=7), checkpoint)
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    for key, value in change.items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    (checkpoint / "config.json").write_text(json.dumps(config), "utf-8")
    capsys.readouterr()
    assert main([str(checkpoint), "--out", str(tmp_path / "out")]) == 2
    problem = capsys.readouterr().err
    assert message in problem and str(checkpoint) in problem and problem.count("\n") == 1
    assert not (tmp_path / "out").exists()
