"""BLIP checkpoints of transformers' own classes with seeded random weights, as Hugging Face folders.

Random weights at the usual scale (0.02) make all logits similar and every greedy choice a near tie; these are larger,
so that a difference in the graphs shows in the logits and tokens.
"""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist
from typing import Any, Union

import torch
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
    BlipImageProcessorPil,
)

Blip = Union[BlipForConditionalGeneration, BlipForQuestionAnswering, BlipForImageTextRetrieval]

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"a the of what is in red blue circle shape ##s ? color".split()]
VOCABULARY_SIZE = 96

# Raises the end token's logit, so that some of the generated texts end.
END_BIAS = 6.0


def small_config(**changes: dict[str, Any]) -> BlipConfig:
    """A tiny configuration; `vision_config` and `text_config` change single fields of it."""
    vision = {"hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 3}
    vision |= {"image_size": 32, "patch_size": 8}
    text = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    text |= {"vocab_size": VOCABULARY_SIZE, "max_position_embeddings": 40, "bos_token_id": VOCABULARY_SIZE - 2}
    text |= {"sep_token_id": WORDS.index("[SEP]"), "eos_token_id": 2, "pad_token_id": 0}
    vision |= changes.get("vision_config", {})
    text |= changes.get("text_config", {})
    top = {"image_text_hidden_size": 24} | changes.get("config", {})
    return BlipConfig(vision_config=vision, text_config=text, **top)


@torch.no_grad()
def randomised(model: Blip, seed: int, *, text_embeddings: float = 1.0, end_bias: float = END_BIAS) -> Blip:
    """Replaces the model's weights: matrices with the scale of orthogonal ones, norms near one, small biases.

    text_embeddings: spread of the text's embedding tables; times the square root of the hidden size, that of the
    logits.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name.lower():
            parameter.copy_(0.1 * noise + (1.0 if name.endswith("weight") else 0.0))
        elif parameter.dim() < 2:
            parameter.copy_(0.1 * noise)
        elif "embedding" in name and "patch" not in name:
            parameter.copy_(text_embeddings * noise if name.startswith("text_") else noise)
        else:
            parameter.copy_(noise * parameter[0].numel() ** -0.5)
        if name.endswith(("predictions.bias", "predictions.decoder.bias")):
            parameter[model.config.text_config.sep_token_id] += end_bias
    return model.eval()


def evenly_spread(config: BlipConfig) -> dict[str, float]:
    """Arguments of `randomised` for a large vocabulary: with the defaults, the most likely token would have all the
    probability, so that beam search equals greedy search, and no text would end.

    The spread of the logits is 4, and the end token occurs every few tokens: its logit is one spread below the highest.
    """
    text, spread = config.text_config, 4.0
    likeliest = NormalDist().inv_cdf(1 - 1 / text.vocab_size)
    return {"text_embeddings": spread * text.hidden_size**-0.5, "end_bias": spread * (likeliest - 1.0)}


def save(model: Blip, folder: Path, *, max_shard_size: str = "5GB") -> None:
    """Writes config.json, safetensors, preprocessor_config.json and vocab.txt."""
    model.save_pretrained(folder, max_shard_size=max_shard_size)
    size = model.config.vision_config.image_size
    BlipImageProcessorPil(size={"height": size, "width": size}).save_pretrained(folder)
    text = model.config.text_config
    vocabulary = [*WORDS, *(f"w{index}" for index in range(len(WORDS), text.bos_token_id))]
    for token, index in (("[CLS]", text.sep_token_id - 1), ("[SEP]", text.sep_token_id)):  # 101 and 102 in BERT's
        place = vocabulary.index(token)
        vocabulary[place], vocabulary[index] = vocabulary[index], vocabulary[place]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", "utf-8")
