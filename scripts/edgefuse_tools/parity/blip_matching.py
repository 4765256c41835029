"""Results of transformers' BLIP for retrieval, for the fixtures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from edgefuse_tools.parity.fixture_file import FixtureFile


def match(
    model: Any, tokenizer: Any, pixels: torch.Tensor, texts: Sequence[str], values: FixtureFile
) -> dict[str, Any]:
    """Matches all texts, padded to one batch, with one picture."""
    batch = tokenizer(list(texts), padding=True, return_tensors="pt")
    given = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    one = pixels.expand(len(texts), -1, -1, -1)
    logits = model(pixel_values=one, use_itm_head=True, **given).itm_score
    score = model(pixel_values=pixels, use_itm_head=False, **given).itm_score[0]
    image = model.vision_proj(model.vision_model(pixels).last_hidden_state[:, 0])
    text = model.text_proj(model.text_encoder(**given).last_hidden_state[:, 0])
    normal = torch.nn.functional.normalize
    return {
        "texts": list(texts),
        "input_ids": batch.input_ids.tolist(),
        "match_logits": values.add(logits.numpy()),
        "probability": logits.softmax(-1)[:, 1].tolist(),
        "score": score.tolist(),
        "image_embedding": values.add(normal(image, dim=-1)[0].numpy()),
        "text_embedding": values.add(normal(text, dim=-1).numpy()),
    }
