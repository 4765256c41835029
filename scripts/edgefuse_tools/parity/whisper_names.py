"""Names of Whisper's parameters in transformers and in openai-whisper; needs only numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from edgefuse_tools.export.whisper.weights import WhisperWeights

_OPENAI_NAMES = [
    (".encoder_attn_layer_norm.", ".cross_attn_ln."),
    (".self_attn_layer_norm.", ".attn_ln."),
    (".final_layer_norm.", ".mlp_ln."),
    (".encoder_attn.", ".cross_attn."),
    (".self_attn.", ".attn."),
    (".q_proj.", ".query."),
    (".k_proj.", ".key."),
    (".v_proj.", ".value."),
    (".out_proj.", ".out."),
    (".fc1.", ".mlp.0."),
    (".fc2.", ".mlp.2."),
    ("encoder.layer_norm.", "encoder.ln_post."),
    ("decoder.layer_norm.", "decoder.ln."),
    (".layers.", ".blocks."),
    (".embed_positions.weight", ".positional_embedding"),
    (".embed_tokens.", ".token_embedding."),
]
"""Parts of names in transformers and in openai-whisper; longer names come before their prefixes."""


def parameters(weights: WhisperWeights) -> Iterator[tuple[str, NDArray[Any]]]:
    """The parameters by transformers' names, without "model."; there is no bias of keys, which is zero."""
    for name in weights.checkpoint.names():
        plain = name.removeprefix("model.")
        if (
            plain.startswith(("encoder.", "decoder."))
            and not plain.endswith("k_proj.bias")
            and "projection" not in plain
        ):
            yield plain, weights.checkpoint.raw(name)


def openai_name(name: str) -> str:
    """openai-whisper's name of the parameter that transformers calls `name`."""
    for theirs, ours in _OPENAI_NAMES:
        name = name.replace(theirs, ours)
    return name
