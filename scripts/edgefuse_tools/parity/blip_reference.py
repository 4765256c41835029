"""transformers' BLIP, and its search over exported graphs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions

from edgefuse_tools.parity.blip_onnx import OnnxBlip, Tensors


def generate(model: Any, pixels: torch.Tensor, **options: Any) -> tuple[list[int], float | None]:
    """The best sequence for one picture [1, 3, size, size] up to its end token, and its score with beams."""
    done = model.generate(
        pixel_values=pixels, do_sample=False, return_dict_in_generate=True, output_scores=True, **options
    )
    ids, end = done.sequences[0].tolist(), model.config.text_config.sep_token_id
    score = float(done.sequences_scores[0]) if options.get("num_beams", 1) > 1 else None
    return ids[: ids.index(end) + 1] if end in ids else ids, score


@contextmanager
def graphs_in_place(model: Any, exported: OnnxBlip, role: str, cross: Tensors) -> Iterator[None]:
    """Inside the context, `model.generate(use_cache=False)` uses the exported decoder `role` instead of its own text
    decoder.

    `cross`: keys and values of one picture, which all hypotheses share. Every step is a prefill, without a cache.
    """
    decoder = model.text_decoder
    own = decoder.forward

    # The names that `generate` expects.
    def forward(
        input_ids: torch.Tensor, encoder_hidden_states: Any = None, encoder_attention_mask: Any = None, **_: Any
    ) -> CausalLMOutputWithCrossAttentions:
        logits, _ = exported.step(role, input_ids.numpy().astype(np.int64), cross, None)
        return CausalLMOutputWithCrossAttentions(logits=torch.from_numpy(logits)[:, None])

    decoder.forward = forward
    try:
        yield
    finally:
        decoder.forward = own
