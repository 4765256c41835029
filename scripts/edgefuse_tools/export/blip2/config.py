"""BLIP-2's settings in config.json, validated, with the class defaults.

Defaults: transformers' Blip2VisionConfig, Blip2QFormerConfig, OPTConfig and T5Config; a config.json lists only
differences.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgefuse_tools.export.blip.config import VisionConfig, config_fields
from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.activations import ACTIVATIONS

ARCHITECTURE = "Blip2ForConditionalGeneration"

T5_PROMPT_TOKENS = 512
"""T5 has no position table that limits the length; its checkpoints were trained with this one."""


@dataclass(frozen=True)
class QFormerConfig:
    """The transformer between the picture and the language model."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    hidden_act: str
    layer_norm_eps: float
    cross_attention_frequency: int


@dataclass(frozen=True)
class OptConfig:
    """A decoder-only language model."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    ffn_dim: int
    max_position_embeddings: int
    num_attention_heads: int
    activation_function: str
    do_layer_norm_before: bool
    _remove_final_layer_norm: bool

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def final_layer_norm(self) -> bool:
        return self.do_layer_norm_before and not self._remove_final_layer_norm


@dataclass(frozen=True)
class T5Config:
    """A language model with encoder and decoder."""

    vocab_size: int
    d_model: int
    d_kv: int
    d_ff: int
    num_layers: int
    num_decoder_layers: int
    num_heads: int
    relative_attention_num_buckets: int
    relative_attention_max_distance: int
    layer_norm_epsilon: float
    dense_act_fn: str
    is_gated_act: bool
    scale_decoder_outputs: bool

    @property
    def hidden_size(self) -> int:
        return self.d_model


@dataclass(frozen=True)
class Tokens:
    """The ids that transformers' processor and `generate` add to a prompt and a text."""

    prompt_start: tuple[int, ...]
    """Before the prompt's tokens."""
    prompt_end: tuple[int, ...]
    """After the prompt's tokens."""
    no_prompt: int
    """Follows the picture if there is no prompt: `bos_token_id`."""
    end: int
    """Ends a text."""
    start: int | None
    """First input of the decoder of an encoder-decoder model."""


@dataclass(frozen=True)
class Blip2Config:
    vision: VisionConfig
    qformer: QFormerConfig
    text: OptConfig | T5Config
    tokens: Tokens
    num_query_tokens: int


VISION_DEFAULTS = VisionConfig(1408, 6144, 39, 16, 224, 14, "gelu", 1e-6)
QFORMER_DEFAULTS = QFormerConfig(768, 12, 12, 3072, "gelu", 1e-12, 2)
OPT_DEFAULTS = OptConfig(50272, 768, 12, 3072, 2048, 12, "relu", True, False)
T5_SIZES = {"vocab_size": 32128, "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_heads": 8}
T5_DEFAULTS = T5_SIZES | {
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-6,
}


def load_blip2_config(folder: Path) -> Blip2Config:
    """Reads the folder's config.json, which must be of a Blip2ForConditionalGeneration with OPT or T5."""
    path, config = folder / "config.json", read_json(folder, "config.json")
    found = config.get("architectures") or []
    if config.get("model_type") != "blip-2" or ARCHITECTURE not in found:
        kind = f"model_type is {config.get('model_type')!r}, architectures is {found}"
        raise ExportError(f"{path}: {kind}; this exporter supports 'blip-2' and {ARCHITECTURE}")
    vision = VisionConfig(**config_fields(path, config, "vision_config", asdict(VISION_DEFAULTS)))
    qformer = QFormerConfig(**config_fields(path, config, "qformer_config", asdict(QFORMER_DEFAULTS)))
    text = _text(path, config)
    queries = config_fields(path, {"config": config}, "config", {"num_query_tokens": 32})["num_query_tokens"]
    read = Blip2Config(vision, qformer, text, _tokens(path, config["text_config"], text), queries)
    _check(path, config, read)
    return read


def _text(path: Path, config: dict[str, Any]) -> OptConfig | T5Config:
    given = config.setdefault("text_config", {})
    kind = given.get("model_type", "opt")
    if kind == "opt":
        text = OptConfig(**config_fields(path, config, "text_config", asdict(OPT_DEFAULTS)))
        if given.get("word_embed_proj_dim") not in (None, text.hidden_size):
            raise ExportError(
                f"{path}: text_config.word_embed_proj_dim is not hidden_size; BLIP-2 puts the picture among the word "
                "embeddings, so they must have the same size"
            )
        if not given.get("layer_norm_elementwise_affine", True):
            raise ExportError(f"{path}: text_config.layer_norm_elementwise_affine is false; this exporter needs true")
        return text
    if kind != "t5":
        raise ExportError(f"{path}: text_config.model_type is {kind!r}; this exporter supports 'opt' and 't5'")
    # As in T5Config: an explicit value in the file takes precedence over a derived one.
    form = given.get("feed_forward_proj", "relu")
    activation = "gelu_new" if form == "gated-gelu" else str(form).split("-")[-1]
    derived = {
        "num_decoder_layers": given.get("num_layers", T5_SIZES["num_layers"]),
        "dense_act_fn": activation,
        "is_gated_act": str(form).startswith("gated-"),
        "scale_decoder_outputs": given.get("tie_word_embeddings") is not False,
    }
    return T5Config(**config_fields(path, config, "text_config", T5_DEFAULTS | derived))


def _tokens(path: Path, given: dict[str, Any], text: OptConfig | T5Config) -> Tokens:
    def token(name: str, default: int | None) -> int:
        value = given.get(name)
        value = default if value is None else value
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if type(value) is not int or not 0 <= value < text.vocab_size:
            expected = f"one token id below {text.vocab_size}"
            raise ExportError(f"{path}: text_config.{name} is {value!r}; expected {expected}")
        return value

    if isinstance(text, OptConfig):
        begin = token("bos_token_id", 2)
        return Tokens((begin,), (), begin, token("eos_token_id", 2), None)
    end = token("eos_token_id", 1)
    # Without bos_token_id in the checkpoint, transformers needs a prompt; its tokenizer turns an empty one into the end
    # token.
    return Tokens(
        (), (end,), token("bos_token_id", end), end, token("decoder_start_token_id", given.get("pad_token_id", 0))
    )


def _check(path: Path, config: dict[str, Any], read: Blip2Config) -> None:
    vision, text = read.vision, read.text
    heads = [("vision_config", vision.hidden_size, vision.num_attention_heads)]
    heads.append(("qformer_config", read.qformer.hidden_size, read.qformer.num_attention_heads))
    activations = [
        ("vision_config.hidden_act", vision.hidden_act),
        ("qformer_config.hidden_act", read.qformer.hidden_act),
    ]
    if isinstance(text, OptConfig):
        heads.append(("text_config", text.hidden_size, text.num_attention_heads))
        activations.append(("text_config.activation_function", text.activation_function))
        if text.max_position_embeddings <= read.num_query_tokens + 1:
            raise ExportError(f"{path}: text_config.max_position_embeddings leaves no room for text")
    else:
        activations.append(("text_config.dense_act_fn", text.dense_act_fn))
        if text.relative_attention_num_buckets < 4 or text.relative_attention_num_buckets % 4:
            raise ExportError(f"{path}: text_config.relative_attention_num_buckets is not a multiple of 4")
        if text.relative_attention_max_distance <= text.relative_attention_num_buckets // 2:
            raise ExportError(f"{path}: text_config.relative_attention_max_distance is not above half the buckets")
    for part, size, count in heads:
        if count < 1 or size % count:
            raise ExportError(f"{path}: {part}: hidden_size {size} is not a multiple of num_attention_heads {count}")
    for key, name in activations:
        if name not in ACTIVATIONS:
            raise ExportError(f"{path}: {key} is {name!r}; this exporter supports {', '.join(ACTIVATIONS)}")
    if vision.patch_size < 1 or vision.image_size % vision.patch_size:
        raise ExportError(
            f"{path}: vision_config: image_size {vision.image_size} is not a multiple of patch_size {vision.patch_size}"
        )
    if not config.get("vision_config", {}).get("qkv_bias", True):
        raise ExportError(f"{path}: vision_config.qkv_bias is false; this exporter needs true")
    if read.qformer.cross_attention_frequency < 1 or read.num_query_tokens < 1:
        raise ExportError(f"{path}: cross_attention_frequency and num_query_tokens must be at least 1")
