"""Language models of every family with seeded random weights, as Hugging Face folders, written with numpy alone.

Weights are larger than usual, so that a difference in a graph shows in the logits and tokens. The words of the vocabulary
have longer embeddings than its bytes, so that most of what a model writes is text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.parity.safetensors_writer import write_safetensors
from edgefuse_tools.parity.whisper_random import byte_level

Array = NDArray[np.float32]

HIDDEN, INNER, HEADS, KV_HEADS, HEAD_DIM, LAYERS, CONTEXT = 32, 64, 4, 2, 16, 2, 128
BYTES = 256
SPECIAL = ["endoftext", "im_start", "im_end"]
PADDED_ROWS = 5
"""Rows of the embedding table without a token."""

TEMPLATE = (
    "{%- for message in messages -%}\n"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>\\n' -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}\n"
)

GAIN, EMBEDDING = 2.0, 0.25
"""Factor from a matrix's inputs to its outputs; size of embeddings, which are also the output layer."""

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"model_type": "llama", "architectures": ["LlamaForCausalLM"]},
    "qwen2": {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]},
    "qwen3": {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]},
    "gemma3": {
        "model_type": "gemma3_text",
        "architectures": ["Gemma3ForCausalLM"],
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": 24,
        "sliding_window": 7,
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_theta": 1e6,
        "rope_local_base_freq": 10000.0,
    },
}


def save(folder: Path, family: str, seed: int = 1, **changes: Any) -> None:
    """Writes config.json, model.safetensors, the tokenizer's files and the chat template; `changes` are of the
    config."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = byte_level(SPECIAL)
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    rows = len(tokenizer["model"]["vocab"]) + len(special) + PADDED_ROWS
    sizes = {
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "vocab_size": rows,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "bos_token_id": special["<|im_start|>"],
        "eos_token_id": special["<|im_end|>"],
    }
    config = sizes | FAMILIES[family] | changes
    named = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    contents = {"config.json": config, "tokenizer.json": tokenizer, "tokenizer_config.json": named}
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    write_safetensors(folder / "model.safetensors", random_tensors(config, seed))


def random_tensors(config: dict[str, Any], seed: int) -> dict[str, Array]:
    """Every parameter by transformers' name."""
    random = np.random.default_rng(seed)
    tensors: dict[str, Array] = {}
    hidden, inner, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    query, key = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    kind, rows = config["model_type"], config["vocab_size"]

    def matrix(name: str, outputs: int, inputs: int, bias: bool) -> None:
        values = GAIN * random.normal(0, 1, (outputs, inputs)) * inputs**-0.5
        tensors[f"{name}.weight"] = values.astype(np.float32)
        if bias:
            tensors[f"{name}.bias"] = (0.2 * random.normal(0, 1, outputs)).astype(np.float32)

    def norm(name: str, size: int) -> None:
        about = 0.0 if kind == "gemma3_text" else 1.0
        tensors[f"{name}.weight"] = (about + 0.1 * random.normal(0, 1, size)).astype(np.float32)

    table = EMBEDDING * random.normal(0, 1, (rows, hidden))
    table[:BYTES] *= 0.3
    tensors["model.embed_tokens.weight"] = table.astype(np.float32)
    attention_bias = kind == "qwen2" or bool(config.get("attention_bias"))
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for part, outputs in (("q", query), ("k", key), ("v", key)):
            matrix(f"{at}.self_attn.{part}_proj", outputs, hidden, attention_bias)
        matrix(f"{at}.self_attn.o_proj", hidden, query, attention_bias and kind != "qwen2")
        for part, outputs, inputs in (("gate", inner, hidden), ("up", inner, hidden), ("down", hidden, inner)):
            matrix(f"{at}.mlp.{part}_proj", outputs, inputs, bool(config.get("mlp_bias")))
        names = ["input_layernorm", "post_attention_layernorm"]
        if kind == "gemma3_text":
            names += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
        for name in names:
            norm(f"{at}.{name}", hidden)
        if kind in ("qwen3", "gemma3_text"):
            norm(f"{at}.self_attn.q_norm", head)
            norm(f"{at}.self_attn.k_norm", head)
    norm("model.norm", hidden)
    if not config["tie_word_embeddings"]:
        matrix("lm_head", rows, hidden, False)
    return tensors
