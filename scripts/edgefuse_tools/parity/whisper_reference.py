"""The two reference implementations of Whisper, with the weights of any folder that the exporter reads.

transformers is the reference for tensors, openai-whisper for decoding. Neither downloads anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import whisper
from transformers import WhisperConfig, WhisperForConditionalGeneration
from whisper.model import ModelDimensions, Whisper

from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.whisper.weights import WhisperWeights, read_weights
from edgefuse_tools.parity.speech import SAMPLE_RATE as SAMPLE_RATE
from edgefuse_tools.parity.speech import read_speech as read_speech
from edgefuse_tools.parity.whisper_names import openai_name, parameters


def load_transformers(checkpoint: Path) -> WhisperForConditionalGeneration:
    """transformers' model in float32, every parameter set."""
    weights = read_weights(checkpoint)
    config = WhisperConfig(
        vocab_size=weights.vocab,
        num_mel_bins=weights.mels,
        d_model=weights.hidden,
        encoder_layers=weights.encoder_layers,
        decoder_layers=weights.decoder_layers,
        encoder_attention_heads=weights.encoder_heads,
        decoder_attention_heads=weights.decoder_heads,
        encoder_ffn_dim=weights.inner_size("encoder.layers.0"),
        decoder_ffn_dim=weights.inner_size("decoder.layers.0"),
        max_source_positions=weights.encoder_positions,
        max_target_positions=weights.decoder_positions,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=0,
    )
    model = WhisperForConditionalGeneration(config).float().eval()
    state = {f"model.{name}": tensor for name, tensor in _tensors(weights)}
    missing = model.load_state_dict(state, strict=False).missing_keys
    if set(missing) - {"proj_out.weight"}:  # tied to the embedding
        raise ValueError(f"{checkpoint}: no weights for {missing}")
    return model


def load_openai(checkpoint: Path) -> Whisper:
    """openai-whisper's model in float32, every parameter set."""
    weights = read_weights(checkpoint)
    model = Whisper(
        ModelDimensions(
            n_mels=weights.mels,
            n_audio_ctx=weights.encoder_positions,
            n_audio_state=weights.hidden,
            n_audio_head=weights.encoder_heads,
            n_audio_layer=weights.encoder_layers,
            n_vocab=weights.vocab,
            n_text_ctx=weights.decoder_positions,
            n_text_state=weights.hidden,
            n_text_head=weights.decoder_heads,
            n_text_layer=weights.decoder_layers,
        )
    )
    state = {}
    for name, tensor in _tensors(weights):
        state[openai_name(name)] = tensor
    model.load_state_dict(state)
    return model.eval()


def log_mel(samples: np.ndarray, mels: int) -> torch.Tensor:
    """openai-whisper's log-mel of the first 30 s, padded with silence: [mels, 3000]."""
    return whisper.log_mel_spectrogram(whisper.pad_or_trim(torch.from_numpy(samples)), mels)


def _tensors(weights: WhisperWeights) -> Iterator[tuple[str, torch.Tensor]]:
    """The parameters by transformers' names, in float32."""
    for name, array in parameters(weights):
        yield name, torch.from_numpy(to_float32(array).copy())
