"""BERT and its relatives as encoders of sentences: Hugging Face or sentence-transformers folders.

Reference: transformers, models/bert/modeling_bert.py (BertModel); sentence-transformers, models/Pooling.py.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edgefuse_tools.export.blip.config import TEXT_DEFAULTS, TextConfig, config_fields
from edgefuse_tools.export.blip.text import encoder_layers
from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint, read_json
from edgefuse_tools.export.encoder.parts import TEXT, Parts
from edgefuse_tools.export.encoder.sentences import Pooling, pool, read_sentences
from edgefuse_tools.export.encoder.tokens import token_id, tokenizer_file
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.activations import ACTIVATIONS
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import masked_attention
from edgefuse_tools.export.graphs.section import Section
from edgefuse_tools.export.model_folder import Lengths

# BertConfig's defaults, where they differ from those of BLIP's text model.
DEFAULTS = {"vocab_size": 30522, "num_attention_heads": 12}
PAD = "[PAD]"


def read_bert(folder: Path) -> Parts:
    """The text graph of the BERT in `folder`."""
    config, checkpoint = read_config(folder), Checkpoint.open(folder)
    sentences = read_sentences(folder)
    tokenizer, ids = tokenizer_file(folder, config.vocab_size)
    most = min(sentences.max_tokens or config.max_position_embeddings, config.max_position_embeddings)
    return Parts(
        graphs={TEXT: partial(text_graph, checkpoint=checkpoint, config=config, pooling=sentences.pooling)},
        details={
            "tokenizer": "tokenizer.json",
            "text": {"max_tokens": most, "pad": token_id(folder, ids, PAD)} | sentences.prefixes(),
        },
        files={"tokenizer.json": tokenizer},
        lengths={"tokens": Lengths(1, min(16, most), most)},
    )


def text_graph(g: GraphBuilder, checkpoint: Checkpoint, config: TextConfig, pooling: Pooling) -> None:
    """`text`: ids and mask [texts, tokens] to `embedding` [texts, hidden]."""
    states, mask = text_states(g, checkpoint, config)
    pool(g, states, mask, config.hidden_size, pooling)


def bert_section(checkpoint: Checkpoint) -> Section:
    """The weights of the BERT itself, without those of a task."""
    return Section(checkpoint, "bert." if "bert.embeddings.word_embeddings.weight" in checkpoint else "")


def text_states(g: GraphBuilder, checkpoint: Checkpoint, config: TextConfig) -> tuple[str, str]:
    """The last hidden state of the inputs, and their mask."""
    ids = g.input("input_ids", "int64", ["texts", "tokens"])
    mask = g.input("attention_mask", "int64", ["texts", "tokens"])

    def attend(query: str, key: str, value: str) -> str:
        return masked_attention(g, query, key, value, mask, config.num_attention_heads, config.head_dim)

    return encoder_layers(g, bert_section(checkpoint), config, ids, attend, None), mask


def read_config(folder: Path) -> TextConfig:
    path, given = folder / "config.json", read_json(folder, "config.json")
    if given.get("position_embedding_type", "absolute") != "absolute":
        raise ExportError(
            f"{path}: position_embedding_type is {given['position_embedding_type']}; only absolute is supported"
        )
    known = {key: value for key, value in given.items() if value is not None}
    defaults = {**TEXT_DEFAULTS.__dict__, **DEFAULTS}
    config = TextConfig(**config_fields(path, {"bert": known}, "bert", defaults))
    if config.hidden_act not in ACTIVATIONS:
        raise ExportError(f"{path}: hidden_act is {config.hidden_act}; supported: {', '.join(ACTIVATIONS)}")
    return config
