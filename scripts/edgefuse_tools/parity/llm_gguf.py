"""Writes a Hugging Face folder of `llm_random` as a GGUF file, as llama.cpp's converter does. Needs the package gguf."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.llm.gguf_file import NAMES, SANDWICH_NAMES

PRE = "gpt-2"


def write_gguf(folder: Path, path: Path, kind: str, *, head: str | None = None) -> None:
    """Writes `path`, its matrices in the format `kind` and the embedding table in `head`, if that is given."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    family = config["model_type"].removesuffix("_text")
    writer = gguf.GGUFWriter(path, family)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
    if "sliding_window" in config:
        writer.add_sliding_window(config["sliding_window"])
    _add_tokenizer(writer, tokenizer, config, (folder / "chat_template.jinja").read_text("utf-8"))
    checkpoint = Checkpoint.open(folder)
    for name in checkpoint.names():
        array = np.array(checkpoint.raw(name))
        own = gguf_name(name, family)
        if family == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
            array = interleaved(array, config["head_dim"])
        if family == "gemma3" and name.endswith("norm.weight"):
            array = array + np.float32(1)
        if array.ndim == 1:
            writer.add_tensor(own, array)
            continue
        wanted = head if head is not None and own.startswith("token_embd") else kind
        type_ = gguf.GGMLQuantizationType[wanted]
        writer.add_tensor(own, gguf.quants.quantize(array, type_), raw_dtype=type_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_name(name: str, family: str) -> str:
    """GGUF's name of a tensor."""
    stem, ending = name.rsplit(".", 1)
    names = NAMES | SANDWICH_NAMES if family == "gemma3" else NAMES
    if not stem.startswith("model.layers."):
        return f"{names[stem]}.{ending}"
    layer, part = stem[len("model.layers.") :].split(".", 1)
    return f"blk.{layer}.{names[part]}.{ending}"


def interleaved(array: NDArray[Any], head_dim: int) -> NDArray[Any]:
    """Rows of a query or key matrix with the pairs of the rotary embedding adjacent."""
    split = array.reshape(-1, 2, head_dim // 2, array.shape[1])
    return np.ascontiguousarray(split.transpose(0, 2, 1, 3)).reshape(array.shape)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict[str, Any], config: dict[str, Any], template: str) -> None:
    rows = config["vocab_size"]
    tokens = {number: (text, gguf.TokenType.NORMAL) for text, number in tokenizer["model"]["vocab"].items()}
    for token in tokenizer["added_tokens"]:
        tokens[token["id"]] = (token["content"], gguf.TokenType.CONTROL)
    unused = {number: (f"[PAD{number}]", gguf.TokenType.UNUSED) for number in range(rows) if number not in tokens}
    ordered = [value for _, value in sorted((tokens | unused).items())]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE)
    writer.add_token_list([text for text, _ in ordered])
    writer.add_token_types([kind for _, kind in ordered])
    writer.add_token_merges(tokenizer["model"]["merges"])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)
