"""SmolVLM with seeded random weights as a Hugging Face folder, tiny or of full size, written with numpy alone.

Its language model is the Llama of `llm_random`, with the tokens and the chat template of pictures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.parity import llm_random
from edgefuse_tools.parity.safetensors_writer import write_safetensors
from edgefuse_tools.parity.whisper_random import byte_level

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Size:
    side: int
    """Pixels of a tile."""
    patch: int
    scale: int
    """Patches on a side of the square that becomes one row."""
    longest: int
    """Pixels of the longer side of a picture."""
    vision: dict[str, int]
    text: dict[str, int]

    @property
    def rows_per_tile(self) -> int:
        return (self.side // self.patch // self.scale) ** 2


SIZES = {
    "tiny": Size(
        32, 8, 2, 96,
        {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 3},
        {
            "hidden_size": llm_random.HIDDEN, "intermediate_size": llm_random.INNER,
            "num_hidden_layers": llm_random.LAYERS, "num_attention_heads": llm_random.HEADS,
            "num_key_value_heads": llm_random.KV_HEADS, "head_dim": llm_random.HEAD_DIM,
            "max_position_embeddings": 512,
        },
    ),
    # config.json and preprocessor_config.json of HuggingFaceTB/SmolVLM-256M-Instruct.
    "256m": Size(
        512, 16, 4, 2048,
        {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
        {
            "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
            "num_key_value_heads": 3, "head_dim": 64, "max_position_embeddings": 8192, "vocab_size": 49280,
        },
    ),
}  # fmt: skip

PICTURE_TOKENS = ["<fake_token_around_image>", "<image>", "<global-img>", "<end_of_utterance>"]
PLACES = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]

TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
"""That of SmolVLM."""

GAIN = 1.5


def save(folder: Path, seed: int = 1, size: str = "tiny", processor: dict[str, Any] | None = None) -> None:
    """Writes the folder; `processor` are changes of preprocessor_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = SIZES[size]
    tokenizer = byte_level(llm_random.SPECIAL)
    count = len(tokenizer["model"]["vocab"]) + len(tokenizer["added_tokens"])
    flags = {key: value for key, value in tokenizer["added_tokens"][0].items() if key not in ("id", "content")}
    for at, token in enumerate(PICTURE_TOKENS + PLACES):
        tokenizer["added_tokens"].append({"id": count + at, "content": token} | flags)
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    rows = count + len(PICTURE_TOKENS + PLACES) + llm_random.PADDED_ROWS
    text = {
        "model_type": "llama",
        "vocab_size": rows,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "bos_token_id": special["<|im_start|>"],
        "eos_token_id": special["<end_of_utterance>"],
        "pad_token_id": special["<|im_end|>"],
        "tie_word_embeddings": False,
    } | sizes.text
    vision = {"image_size": sizes.side, "patch_size": sizes.patch} | sizes.vision
    config = {
        "model_type": "smolvlm",
        "architectures": ["SmolVLMForConditionalGeneration"],
        "image_token_id": special["<image>"],
        "pad_token_id": special["<|im_end|>"],
        "scale_factor": sizes.scale,
        "text_config": text,
        "vision_config": vision,
        "tie_word_embeddings": False,
    }
    image = {
        "image_processor_type": "SmolVLMImageProcessor",
        "do_image_splitting": True,
        "size": {"longest_edge": sizes.longest},
        "max_image_size": {"longest_edge": sizes.side},
        "resample": 1,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "rescale_factor": 1 / 255,
    }
    contents = {
        "config.json": config,
        "generation_config.json": {"eos_token_id": special["<end_of_utterance>"]},
        "preprocessor_config.json": image | (processor or {}),
        "processor_config.json": {"processor_class": "SmolVLMProcessor", "image_seq_len": sizes.rows_per_tile},
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|im_start|>",
            "eos_token": "<end_of_utterance>",
            "pad_token": "<|im_end|>",
        },
    }
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    write_safetensors(folder / "model.safetensors", random_tensors(text, sizes, seed))


def random_tensors(text: dict[str, Any], sizes: Size, seed: int) -> dict[str, Array]:
    """Every parameter by transformers' name."""
    tensors: dict[str, Array] = {}
    for name, values in llm_random.random_tensors(text, seed).items():
        head, _, rest = name.partition(".")
        tensors[f"model.text_model.{rest}" if head == "model" else name] = values
    random = np.random.default_rng(seed + 100)

    def linear(name: str, outputs: int, inputs: int, *, bias: bool = True) -> None:
        values = GAIN * random.normal(0, 1, (outputs, inputs)) * inputs**-0.5
        tensors[f"{name}.weight"] = values.astype(np.float32)
        if bias:
            tensors[f"{name}.bias"] = (0.2 * random.normal(0, 1, outputs)).astype(np.float32)

    def norm(name: str, size: int) -> None:
        tensors[f"{name}.weight"] = (1 + 0.1 * random.normal(0, 1, size)).astype(np.float32)
        tensors[f"{name}.bias"] = (0.1 * random.normal(0, 1, size)).astype(np.float32)

    vision, hidden, patch_size = "model.vision_model", sizes.vision["hidden_size"], sizes.patch
    patch = random.normal(0, 1, (hidden, 3, patch_size, patch_size)) * (3 * patch_size**2) ** -0.5
    tensors[f"{vision}.embeddings.patch_embedding.weight"] = (3 * patch).astype(np.float32)
    tensors[f"{vision}.embeddings.patch_embedding.bias"] = (0.2 * random.normal(0, 1, hidden)).astype(np.float32)
    positions = random.normal(0, 1, ((sizes.side // patch_size) ** 2, hidden))
    tensors[f"{vision}.embeddings.position_embedding.weight"] = positions.astype(np.float32)
    for layer in range(sizes.vision["num_hidden_layers"]):
        at = f"{vision}.encoder.layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            linear(f"{at}.self_attn.{part}", hidden, hidden)
        linear(f"{at}.mlp.fc1", sizes.vision["intermediate_size"], hidden)
        linear(f"{at}.mlp.fc2", hidden, sizes.vision["intermediate_size"])
        norm(f"{at}.layer_norm1", hidden)
        norm(f"{at}.layer_norm2", hidden)
    norm(f"{vision}.post_layernorm", hidden)
    connector = "model.connector.modality_projection.proj"
    linear(connector, text["hidden_size"], hidden * sizes.scale**2, bias=False)
    # Rows as long as the embeddings of words.
    tensors[f"{connector}.weight"] *= np.float32(llm_random.EMBEDDING / 2)
    return tensors
