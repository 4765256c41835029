"""MPNet as an encoder of sentences: Hugging Face or sentence-transformers folders, such as all-mpnet-base-v2.

BERT's layers under other names, with a bias for the distance of two tokens in every attention, and positions that start
behind the padding token's. Reference: transformers, models/mpnet/modeling_mpnet.py (MPNetModel).
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np

from edgefuse_tools.export.blip.config import TEXT_DEFAULTS, TextConfig, config_fields
from edgefuse_tools.export.blip.text import embed, word_table
from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint, read_json, to_float32
from edgefuse_tools.export.encoder.parts import TEXT, Parts
from edgefuse_tools.export.encoder.sentences import Pooling, pool, read_sentences
from edgefuse_tools.export.encoder.tokens import tokenizer_file
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.activations import ACTIVATIONS, activation
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import masked_attention
from edgefuse_tools.export.graphs.section import Section, layer_norm_of, linear_of
from edgefuse_tools.export.model_folder import Lengths

# MPNetConfig's defaults, where they differ from those of BLIP's text model.
DEFAULTS = {"vocab_size": 30527, "num_attention_heads": 12}
PAD = 1
"""Fixed in MPNetEmbeddings; the first token has the position after it."""
BUCKETS, FARTHEST = 32, 128
"""Fixed in MPNetEncoder.compute_position_bias."""


def read_mpnet(folder: Path) -> Parts:
    """The text graph of the MPNet in `folder`."""
    config, checkpoint = read_config(folder), Checkpoint.open(folder)
    sentences = read_sentences(folder)
    tokenizer, _ = tokenizer_file(folder, config.vocab_size)
    positions = config.max_position_embeddings - PAD - 1
    most = min(sentences.max_tokens or positions, positions)
    return Parts(
        graphs={TEXT: partial(text_graph, checkpoint=checkpoint, config=config, most=most, pooling=sentences.pooling)},
        details={"tokenizer": "tokenizer.json", "text": {"max_tokens": most, "pad": PAD} | sentences.prefixes()},
        files={"tokenizer.json": tokenizer},
        lengths={"tokens": Lengths(1, min(16, most), most)},
    )


def read_config(folder: Path) -> TextConfig:
    path, given = folder / "config.json", read_json(folder, "config.json")
    known = {key: value for key, value in given.items() if value is not None}
    config = TextConfig(**config_fields(path, {"mpnet": known}, "mpnet", {**TEXT_DEFAULTS.__dict__, **DEFAULTS}))
    if config.hidden_act not in ACTIVATIONS:
        raise ExportError(f"{path}: hidden_act is {config.hidden_act}; supported: {', '.join(ACTIVATIONS)}")
    for key, wanted in (("relative_attention_num_buckets", BUCKETS), ("pad_token_id", PAD)):
        if known.get(key, wanted) != wanted:
            raise ExportError(f"{path}: {key} is {known[key]}; transformers' MPNet computes with {wanted}")
    return config


def text_graph(g: GraphBuilder, checkpoint: Checkpoint, config: TextConfig, most: int, pooling: Pooling) -> None:
    """`text`: ids and mask [texts, tokens], up to `most` tokens, to `embedding` [texts, hidden]."""
    ids = g.input("input_ids", "int64", ["texts", "tokens"])
    mask = g.input("attention_mask", "int64", ["texts", "tokens"])
    w = Section(checkpoint, "mpnet." if "mpnet.embeddings.word_embeddings.weight" in checkpoint else "")
    length = g.node("Shape", ids, start=1, end=2)
    bias = distance_bias(g, w, config, length, most)
    # Texts are padded on the right, so that a token's position is its place.
    name = "embeddings.position_embeddings.weight"
    table = w.tensor(name, config.max_position_embeddings, config.hidden_size)[PAD + 1 :]
    positions = g.node("Slice", g.weight(w.name(name), table), g.integers(0), length, g.integers(0))
    x = embed(g, w, config, word_table(g, w, config), ids, positions)
    for number in range(config.num_hidden_layers):
        x = layer(g, w.under(f"encoder.layer.{number}"), config, x, mask, bias)
    pool(g, x, mask, config.hidden_size, pooling)


def layer(g: GraphBuilder, w: Section, config: TextConfig, x: str, mask: str, bias: str) -> str:
    """One layer over `x` [texts, tokens, hidden]: attention and feed-forward, each followed by addition and
    normalisation."""
    hidden, inner, epsilon = config.hidden_size, config.intermediate_size, config.layer_norm_eps
    query, key, value = (linear_of(g, w, x, f"attention.attn.{part}", hidden, hidden) for part in "qkv")
    context = masked_attention(g, query, key, value, mask, config.num_attention_heads, config.head_dim, bias)
    found = linear_of(g, w, context, "attention.attn.o", hidden, hidden)
    x = layer_norm_of(g, w, g.node("Add", found, x), "attention.LayerNorm", hidden, epsilon)
    wide = activation(g, linear_of(g, w, x, "intermediate.dense", inner, hidden), config.hidden_act)
    found = linear_of(g, w, wide, "output.dense", hidden, inner)
    return layer_norm_of(g, w, g.node("Add", found, x), "output.LayerNorm", hidden, epsilon)


def distance_bias(g: GraphBuilder, w: Section, config: TextConfig, length: str, most: int) -> str:
    """What is added to the scores of `length` [1] tokens, by distance: [heads, tokens, tokens]."""
    name = "encoder.relative_attention_bias.weight"
    buckets = to_float32(w.tensor(name, BUCKETS, config.num_attention_heads))
    table = g.weight(w.name(name), buckets[bucket(np.arange(-(most - 1), most))])
    zero, one = (g.constant(np.array(value, dtype=np.int64)) for value in (0, 1))
    places = g.node("Range", zero, g.node("Squeeze", length), one)
    rows, columns = (g.node("Unsqueeze", places, g.integers(axis)) for axis in (1, 0))
    distances = g.node("Add", g.node("Sub", columns, rows), g.integers(most - 1))
    return g.node("Transpose", g.node("Gather", table, distances, axis=0), perm=[2, 0, 1])


def bucket(distance: np.ndarray) -> np.ndarray:
    """The row of the table for each distance: one for each of the nearest, then fewer and fewer, before and behind."""
    half, exact = BUCKETS // 2, BUCKETS // 4
    away = np.abs(distance)
    # In float32, as in the reference: the borders are powers of two.
    far = np.log(np.maximum(away, 1).astype(np.float32) / np.float32(exact)) / np.float32(math.log(FARTHEST / exact))
    far = np.minimum(exact + (far * np.float32(half - exact)).astype(np.int64), half - 1)
    nearest: np.ndarray = np.where(away < exact, away, far) + (distance > 0) * half
    return nearest
