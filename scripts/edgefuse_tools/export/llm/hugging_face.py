"""Settings in the config.json of a Hugging Face folder, with transformers' defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.llm.config import LlmConfig, check, chosen_context
from edgefuse_tools.export.llm.rotary import Rotary, rotary

FAMILIES = {"llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma3_text": "gemma3"}
"""`model_type` to family."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "llama": {"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 2048},
    "qwen2": {"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 32768},
    "qwen3": {"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 32768, "head_dim": 128},
    "gemma3": {"rms_norm_eps": 1e-6, "rope_theta": 1e6, "max_position_embeddings": 131072, "head_dim": 256},
}


def load_config(folder: Path, context: int | None) -> LlmConfig:
    """Reads config.json; `context` is the wanted number of positions, if any."""
    return config_of(folder / "config.json", read_json(folder, "config.json"), context)


def config_of(path: Path, given: Mapping[str, Any], context: int | None) -> LlmConfig:
    """The settings `given` in the file `path`: config.json, or the part of it about the language model."""
    family = FAMILIES.get(str(given.get("model_type")))
    if family is None:
        known = ", ".join(FAMILIES)
        hint = "; export.py vlm exports models that read pictures" if "vision_config" in given else ""
        raise ExportError(f"{path}: model_type is {given.get('model_type')!r}; this exporter supports {known}{hint}")
    settings = DEFAULTS[family] | {key: value for key, value in given.items() if value is not None}
    number = _Numbers(path, settings)
    hidden, layers, heads = (number(key) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads"))
    head_dim = number("head_dim", hidden // max(heads, 1))
    windows = _windows(path, settings, family, layers)
    gemma = family == "gemma3"
    activation = settings.get("hidden_activation" if gemma else "hidden_act", "gelu_pytorch_tanh" if gemma else "silu")
    expected = "gelu_pytorch_tanh" if gemma else "silu"
    if activation != expected:
        raise ExportError(f"{path}: the activation is {activation!r}; this exporter supports {expected!r} here")
    for key in ("final_logit_softcapping", "attn_logit_softcapping"):
        if settings.get(key) is not None:
            raise ExportError(f"{path}: {key} is set, which this exporter does not support")
    scale = number("query_pre_attn_scalar", head_dim) if gemma else head_dim
    epsilon = settings["rms_norm_eps"]
    if not isinstance(epsilon, float):
        raise ExportError(f"{path}: rms_norm_eps is {epsilon!r}, not a number")
    config = LlmConfig(
        family=family,
        vocab_size=number("vocab_size"),
        hidden_size=hidden,
        layers=layers,
        heads=heads,
        kv_heads=number("num_key_value_heads", heads),
        head_dim=head_dim,
        intermediate_size=number("intermediate_size"),
        epsilon=epsilon,
        activation=expected,
        context=chosen_context(number("max_position_embeddings"), context, str(path)),
        rotaries=_rotaries(path, settings, head_dim, windows),
        windows=windows,
        scale=scale**-0.5,
        qk_norm=family in ("qwen3", "gemma3"),
        sandwich=gemma,
        norm_offset=1.0 if gemma else 0.0,
        embedding_scale=hidden**0.5 if gemma else 1.0,
    )
    check(config, str(path))
    return config


class _Numbers:
    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path, self._settings = path, settings

    def __call__(self, key: str, default: int | None = None) -> int:
        value = self._settings.get(key, default)
        if type(value) is not int or value < 1:
            raise ExportError(f"{self._path}: {key} is {value!r}; expected a positive number")
        return value


def _windows(path: Path, settings: Mapping[str, Any], family: str, layers: int) -> tuple[int | None, ...]:
    """The attention window of each layer."""
    window = settings.get("sliding_window")
    if family == "llama" or window is None or (family != "gemma3" and not settings.get("use_sliding_window")):
        return (None,) * layers
    types = settings.get("layer_types")
    if types is None and family == "gemma3":
        every = settings.get("sliding_window_pattern", 6)
        types = ["sliding_attention" if (at + 1) % every else "full_attention" for at in range(layers)]
    elif types is None:
        first = settings.get("max_window_layers", 28)
        types = ["sliding_attention" if at >= first else "full_attention" for at in range(layers)]
    if len(types) != layers or not set(types) <= {"sliding_attention", "full_attention"}:
        raise ExportError(f"{path}: layer_types does not name sliding_attention or full_attention for each layer")
    if type(window) is not int or window < 1:
        raise ExportError(f"{path}: sliding_window is {window!r}; expected a positive number")
    return tuple(window if kind == "sliding_attention" else None for kind in types)


def _rotaries(
    path: Path, settings: Mapping[str, Any], head_dim: int, windows: tuple[int | None, ...]
) -> tuple[Rotary, ...]:
    """The rotary embedding of each layer. transformers 5 writes `rope_parameters`, for Gemma 3 by type of attention."""
    parameters = settings.get("rope_parameters") or {}
    by_type = {kind: parameters.get(kind) for kind in ("full_attention", "sliding_attention")}
    if parameters and not any(by_type.values()):
        by_type = dict.fromkeys(by_type, parameters)
    elif not parameters:
        scaling = settings.get("rope_scaling") or {}
        by_type["full_attention"] = {**scaling, "rope_theta": settings["rope_theta"]}
        local = settings.get("rope_local_base_freq", 10000.0)
        gemma = settings.get("model_type") == "gemma3_text"
        by_type["sliding_attention"] = {"rope_theta": local} if gemma else by_type["full_attention"]
    made: dict[str, Rotary] = {}
    for kind, given in by_type.items():
        given = given or {}
        made[kind] = rotary(head_dim, given.get("rope_theta", settings["rope_theta"]), given, str(path))
    return tuple(made["full_attention" if window is None else "sliding_attention"] for window in windows)
