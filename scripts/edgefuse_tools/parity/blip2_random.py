"""BLIP-2 checkpoints of transformers' own classes with seeded random weights, as Hugging Face folders.

As in `blip_random`, weights are larger than usual, so that a difference in the graphs shows in the logits and tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    BlipImageProcessorPil,
    OPTConfig,
    PreTrainedTokenizerFast,
    T5Config,
)

VOCABULARY_SIZE = 72
QUERIES = 5
IMAGE_TOKEN = "<image>"
WORDS = "a the of what is in red blue circle shape color ?".split()

END_LIFT = 2.0
"""Factor by which the end token's embedding is longer than the others, so that some of the generated texts end."""

GAIN = 2.0
"""Factor by which the outputs of a matrix are larger than its inputs."""

EMBEDDING_SCALE = 0.25
"""Embeddings are also the output layer: if they were large, every token would be most likely followed by itself."""


def small_config(language: str, **changes: dict[str, Any]) -> Blip2Config:
    """A tiny configuration; `language` is opt or t5, and `vision`, `qformer`, `text` change single fields of its parts.

    With these sizes, most weights stay below 1 KB, the minimum size in an external file.
    """
    vision = {"hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision |= {"image_size": 24, "patch_size": 8}
    qformer = {"hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 3, "num_attention_heads": 3}
    qformer |= {"vocab_size": 4, "max_position_embeddings": 4}
    text: dict[str, Any]
    if language == "opt":
        text = {"hidden_size": 12, "ffn_dim": 20, "num_hidden_layers": 2, "num_attention_heads": 2}
        text |= {"word_embed_proj_dim": 12, "max_position_embeddings": 60, "eos_token_id": 3}
        text |= changes.get("text", {})
        text_config = OPTConfig(vocab_size=VOCABULARY_SIZE, **text)
    else:
        text = {"d_model": 12, "d_kv": 5, "d_ff": 20, "num_layers": 2, "num_heads": 2, "bos_token_id": 1}
        text |= {"decoder_start_token_id": 0, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
        text |= {"relative_attention_num_buckets": 8, "relative_attention_max_distance": 12}
        text |= changes.get("text", {})
        text_config = T5Config(vocab_size=VOCABULARY_SIZE, **text)
    return Blip2Config(
        vision_config=Blip2VisionConfig(**(vision | changes.get("vision", {}))),
        qformer_config=Blip2QFormerConfig(**(qformer | changes.get("qformer", {}))),
        text_config=text_config,
        num_query_tokens=QUERIES,
        image_token_index=VOCABULARY_SIZE - 1,
    )


@torch.no_grad()
def randomised(config: Blip2Config, seed: int, gain: float = GAIN) -> Blip2ForConditionalGeneration:
    """A model with nearly orthogonal matrices times `gain`, norms near one, and small biases."""
    model = Blip2ForConditionalGeneration(config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name.lower():
            parameter.copy_(0.1 * noise + (1.0 if name.endswith("weight") else 0.0))
        elif parameter.dim() < 2:
            parameter.copy_(0.1 * noise)
        elif name.endswith(("embed_tokens.weight", "shared.weight")):
            parameter.copy_(EMBEDDING_SCALE * noise)
            parameter[config.text_config.eos_token_id] *= END_LIFT
        elif "embed" in name and "patch" not in name or name.endswith(("query_tokens", "_bias.weight")):
            parameter.copy_(noise)
        else:
            parameter.copy_(gain * noise * parameter[0].numel() ** -0.5)
    return model.eval()


def save(model: Blip2ForConditionalGeneration, folder: Path) -> Blip2Processor:
    """Writes config.json, safetensors, the processor and its tokenizer.json; returns the processor."""
    model.save_pretrained(folder)
    opt = model.config.text_config.model_type == "opt"
    side = model.config.vision_config.image_size
    processor = Blip2Processor(
        BlipImageProcessorPil(size={"height": side, "width": side}),
        byte_level_bpe() if opt else unigram(),
        num_query_tokens=model.config.num_query_tokens,
    )
    processor.save_pretrained(folder)
    return processor


def byte_level_bpe() -> PreTrainedTokenizerFast:
    """A small tokenizer like OPT's: bytes and merges, `</s>` before every text."""
    pieces = ["<s>", "<pad>", "</s>", "\u010a"]
    letters = sorted({*"".join(WORDS), *"QuestionAnswer:", "\u0120"})
    vocabulary = {piece: index for index, piece in enumerate([*pieces, *letters])}
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        built = "\u0120"
        for letter in word:
            if (built, letter) not in merges:
                merges.append((built, letter))
            built += letter
            if len(vocabulary) >= VOCABULARY_SIZE - 1 and built not in vocabulary:
                merges.pop()
                break
            vocabulary.setdefault(built, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    return _fast(tokenizer, bos_token="</s>", eos_token="</s>", pad_token="<pad>", size=len(vocabulary))


def unigram() -> PreTrainedTokenizerFast:
    """A small tokenizer like T5's: pieces with log-probabilities, `</s>` after every text."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    pieces += [(f"\u2581{word}", -3.0) for word in WORDS]
    pieces += [(letter, -6.0) for letter in sorted({*"".join(WORDS), *"QuestionAnswer:", "\u2581"})]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    names = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return _fast(tokenizer, **names, size=len(pieces))


def _fast(tokenizer: Tokenizer, *, size: int, **names: str) -> PreTrainedTokenizerFast:
    """Adds filler tokens up to the image token, the model's last one."""
    filler = [AddedToken(f"<w{index}>", normalized=False) for index in range(size, VOCABULARY_SIZE - 1)]
    tokenizer.add_tokens(filler)
    tokenizer.add_special_tokens([AddedToken(IMAGE_TOKEN, normalized=False, special=True)])
    assert tokenizer.token_to_id(IMAGE_TOKEN) == VOCABULARY_SIZE - 1
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.image_token = AddedToken(IMAGE_TOKEN, normalized=False, special=True)
    return fast
