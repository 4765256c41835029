"""Whisper checkpoints with seeded random weights, small enough to be committed, as Hugging Face folders.

Purely random weights would write timestamps forever. Here the decoder's positions determine the *kind* of the next
token (word, timestamp, end), and everything else (position, previous tokens, sound) determines *which one*: every
window becomes a few segments of a few words with increasing times, and different sound yields different words.

Of the eight hidden dimensions, the first selects word or timestamp, the next two are the hand of a clock for
timestamps, and the last five choose the word. Attention and feed-forward layers write only into the last five, which
sum to zero, so that normalisation, which subtracts the mean, leaves the others unchanged.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.whisper.tokens import TIMESTAMPS, byte_letter
from edgefuse_tools.parity.safetensors_writer import write_safetensors

Array = NDArray[np.float32]

HIDDEN, HEADS, INNER, MELS = 8, 2, 16, 80
ENCODER_LAYERS = DECODER_LAYERS = 2
ENCODER_POSITIONS, DECODER_POSITIONS = 1500, 448

KIND, CLOCK, CHOICE = slice(0, 1), slice(1, 3), slice(3, HIDDEN)
"""Use of the dimensions."""

WORDS = """the a and of in to is was it he she they we you at on for with red blue green small large house river bridge
market window letter winter summer morning evening north south seven eight. road, door. hill. sea, bird. stone.""".split()
"""Words that the models write, each preceded by a space."""

LANGUAGES = "en zh de es ru ko fr ja pt it nl he".split()

CYCLE = "first word word word word word stamp stamp word word word word word stamp stamp word word word word stamp end".split()
"""Kinds of tokens after the prompt (start, language and task of a multilingual model), repeated cyclically."""

STAMP_SECONDS = 1.5
"""Seconds from one pair of timestamps to the next."""

CLOCK_SECONDS = 6.0
"""Seconds per revolution of the clock's hand."""

POSITION_SPREAD = 3.0
"""Weight of the position relative to the current token, which alone would be repeated."""

GAIN = 4.0
"""Scale of the last normalisation, which spreads the logits."""


def save(folder: Path, *, multilingual: bool, seed: int) -> None:
    """Writes config.json, generation_config.json, tokenizer.json and model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer_json(multilingual)
    config = {"model_type": "whisper", "encoder_attention_heads": HEADS, "decoder_attention_heads": HEADS}
    contents: dict[str, Any] = {
        "config.json": config,
        "generation_config.json": {"is_multilingual": multilingual},
        "tokenizer.json": tokenizer,
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    tensors = random_tensors(tokenizer, multilingual, seed)
    write_safetensors(folder / "model.safetensors", {f"model.{name}": tensor for name, tensor in tensors.items()})


def tokenizer_json(multilingual: bool) -> dict[str, Any]:
    """A byte-level BPE with Whisper's special tokens."""
    names = ["startoftranscript", *(LANGUAGES if multilingual else ["en"]), "translate", "transcribe"]
    return byte_level(["endoftext", *names, "startoflm", "startofprev", "nospeech", "notimestamps"])


def byte_level(special: list[str]) -> dict[str, Any]:
    """The tokenizer.json of a byte-level BPE of 256 bytes and the merges for `WORDS`, and `special` tokens <|NAME|>."""
    vocabulary = {byte_letter(byte): byte for byte in range(256)}
    merges: list[str] = []
    for word in WORDS:
        letters = [byte_letter(byte) for byte in f" {word.rstrip('.,')}".encode()]
        built = letters[0]
        for letter in letters[1:]:
            if built + letter not in vocabulary:
                merges.append(f"{built} {letter}")
                vocabulary[built + letter] = len(vocabulary)
            built += letter
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": len(vocabulary) + at, "content": f"<|{name}|>"} | flags for at, name in enumerate(special)]
    bpe = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": ""}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": bpe | {"fuse_unk": False, "vocab": vocabulary, "merges": merges},
    }


def random_tensors(tokenizer: dict[str, Any], multilingual: bool, seed: int) -> dict[str, Array]:
    """Every parameter by transformers' names, without "model."."""
    random = np.random.default_rng(seed)
    tensors: dict[str, Array] = {}

    def add(name: str, *shape: int, gain: float = 1.0) -> Array:
        tensors[name] = (gain * random.normal(0, 1, shape) / math.sqrt(math.prod(shape[1:]))).astype(np.float32)
        return tensors[name]

    def linear(name: str, outputs: int, inputs: int, gain: float = 1.5, bias: bool = True) -> None:
        weight = add(f"{name}.weight", outputs, inputs, gain=gain)
        if name.startswith("decoder") and name.endswith(("out_proj", "fc2")):
            weight[: CHOICE.start] = 0
            weight[CHOICE] -= weight[CHOICE].mean(0)
        if bias:
            tensors[f"{name}.bias"] = np.zeros(outputs, np.float32)

    def norm(name: str, scale: float = 1.0) -> None:
        tensors[f"{name}.weight"] = np.full(HIDDEN, scale, np.float32)
        tensors[f"{name}.bias"] = np.zeros(HIDDEN, np.float32)

    for name, inputs in (("conv1", MELS), ("conv2", HIDDEN)):
        add(f"encoder.{name}.weight", HIDDEN, inputs, 3, gain=2.0)
        tensors[f"encoder.{name}.bias"] = np.zeros(HIDDEN, np.float32)
    tensors["encoder.embed_positions.weight"] = sinusoids(ENCODER_POSITIONS)
    tensors["decoder.embed_tokens.weight"] = _embeddings(tokenizer, random)
    tensors["decoder.embed_positions.weight"] = _positions(random, multilingual)
    for side, layers in (("encoder", ENCODER_LAYERS), ("decoder", DECODER_LAYERS)):
        norm(f"{side}.layer_norm", GAIN if side == "decoder" else 1.0)
        for layer in range(layers):
            prefix = f"{side}.layers.{layer}"
            for attention in ("self_attn",) if side == "encoder" else ("self_attn", "encoder_attn"):
                norm(f"{prefix}.{attention}_layer_norm")
                for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    gain = 0.8 if projection == "out_proj" else 1.5
                    linear(f"{prefix}.{attention}.{projection}", HIDDEN, HIDDEN, gain, bias=projection != "k_proj")
            norm(f"{prefix}.final_layer_norm")
            linear(f"{prefix}.fc1", INNER, HIDDEN)
            linear(f"{prefix}.fc2", HIDDEN, INNER, gain=0.3)
    return tensors


def sinusoids(length: int) -> Array:
    """[length, HIDDEN], as openai-whisper's `sinusoids`."""
    half = HIDDEN // 2
    scales = np.exp(-math.log(10_000) / (half - 1) * np.arange(half))
    angles = np.arange(length)[:, None] * scales
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _embeddings(tokenizer: dict[str, Any], random: np.random.Generator) -> Array:
    """[vocabulary, HIDDEN]; the output layer too."""
    special = {token["content"][2:-2]: token["id"] for token in tokenizer["added_tokens"]}
    begin = special["notimestamps"] + 1
    table = random.normal(0, 0.1, (begin + TIMESTAMPS, HIDDEN))
    for word in WORDS:
        number = tokenizer["model"]["vocab"][byte_letter(0x20) + word.rstrip(".,")]
        table[number, KIND] = 0.8
        table[number, CHOICE] = _choice(random, 1.0)
    for mark in {word[-1] for word in WORDS} & set(".,"):
        table[tokenizer["model"]["vocab"][mark]] = table[number] * 0.9
    for name, number in special.items():
        if name in LANGUAGES:
            table[number, CHOICE] = _choice(random, 0.4)
    table[special["nospeech"]] = [-0.5, *[0.0] * (HIDDEN - 1)]
    table[special["endoftext"]] = [2.0, *[0.0] * (HIDDEN - 1)]
    seconds = np.arange(TIMESTAMPS, dtype=np.float64) * 0.02
    table[begin:] = 0
    table[begin:, KIND] = -0.2
    # Whole and half seconds, and earlier ones where the hand has the same direction.
    table[begin::25, 0] = -1.3 + 0.5 * seconds[::25] / CLOCK_SECONDS / 5
    table[begin:, CLOCK] = 2.5 * _hand(seconds)
    return table.astype(np.float32)


def _positions(random: np.random.Generator, multilingual: bool) -> Array:
    """[DECODER_POSITIONS, HIDDEN]: the kind of the next token, and for words which one."""
    table = np.zeros((DECODER_POSITIONS, HIDDEN))
    for position in range(DECODER_POSITIONS):
        place = (position - (2 if multilingual else 0)) % len(CYCLE)
        kind = CYCLE[place]
        if kind == "word":
            table[position, KIND] = 3.0
            table[position, CHOICE] = _choice(random, POSITION_SPREAD)
            continue
        if kind in ("first", "stamp"):
            pair = (CYCLE[:place].count("stamp") + 2) // 2 if kind == "stamp" else 0
            table[position, KIND] = -3.0
            table[position, CLOCK] = 4.0 * _hand(np.array(pair * STAMP_SECONDS, np.float64))
        else:
            table[position, KIND] = 5.0
        table[position, CHOICE] = -table[position].sum() / (HIDDEN - CHOICE.start)
    return table.astype(np.float32)


def _hand(seconds: NDArray[Any]) -> NDArray[Any]:
    """Direction of the clock's hand, [..., 2]."""
    angle = 2 * math.pi * seconds / CLOCK_SECONDS
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _choice(random: np.random.Generator, spread: float) -> NDArray[np.float64]:
    """A random direction in the word dimensions that sums to zero."""
    values = random.normal(0, spread, HIDDEN - CHOICE.start)
    return values - values.mean()
