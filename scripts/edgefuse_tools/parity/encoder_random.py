"""Encoders with seeded random weights, saved as checkpoints, with inputs and the outputs of their own libraries."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]

SEED = 17
VISION = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip
WORDS = 99
TEXT = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": WORDS,
    "max_position_embeddings": 16,
}  # fmt: skip
PAD, END = 1, WORDS - 1
CLASSES = 7


@dataclass
class Case:
    """A checkpoint, and for each graph its inputs and expected outputs."""

    source: Path
    inputs: dict[str, Arrays]
    expected: dict[str, Arrays] = field(default_factory=dict)
    classes: Path | None = None
    side: int | None = None
    """Of the pictures, if it is not the usual one."""


def clip(folder: Path) -> Case:
    from transformers import CLIPConfig, CLIPModel

    text = TEXT | {"pad_token_id": PAD, "bos_token_id": 0, "eos_token_id": END}
    model = _random(CLIPModel, CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16))
    _save(model, folder, {"do_center_crop": True, "crop_size": 32, "size": {"shortest_edge": 32}, "resample": 3})
    ids, mask = _texts()
    return _two_towers(model, folder, {"input_ids": ids, "attention_mask": mask})


def siglip(folder: Path) -> Case:
    from transformers import SiglipConfig, SiglipModel

    text = TEXT | {"pad_token_id": PAD, "bos_token_id": 0, "eos_token_id": END}
    model = _random(SiglipModel, SiglipConfig(text_config=text, vision_config=VISION))
    _save(model, folder, {"size": {"height": 32, "width": 32}, "resample": 3})
    ids, _ = _texts(TEXT["max_position_embeddings"])
    return _two_towers(model, folder, {"input_ids": ids})


def vit(folder: Path) -> Case:
    from transformers import ViTConfig, ViTForImageClassification

    model = _random(ViTForImageClassification, ViTConfig(**VISION, num_labels=CLASSES))
    _save(model, folder, {"size": {"height": 32, "width": 32}, "resample": 2})
    pixels = _pixels(32)
    found = _run(model, pixel_values=pixels, output_hidden_states=True)
    features = _run(model.vit, pixel_values=pixels).last_hidden_state[:, 0]
    return _picture(folder, pixels, features, found.logits)


def dinov2(folder: Path) -> Case:
    """Made for larger pictures than those that it gets: the positions are interpolated."""
    from transformers import Dinov2Config, Dinov2Model

    config = {key: value for key, value in VISION.items() if key != "intermediate_size"} | {"image_size": 56}
    model = _random(Dinov2Model, Dinov2Config(**config, mlp_ratio=2))
    _save(
        model, folder, {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}, "size": {"shortest_edge": 40}}
    )
    pixels = _pixels(32)
    return _picture(folder, pixels, _run(model, pixel_values=pixels).pooler_output, None)


def bert(folder: Path) -> Case:
    from transformers import BertConfig, BertModel

    model = _random(BertModel, BertConfig(**TEXT, pad_token_id=PAD))
    _save(model, folder, None)
    return _sentences(model, folder)


def mpnet(folder: Path) -> Case:
    """With a text that is longer than the largest distance with a bias of its own."""
    from transformers import MPNetConfig, MPNetModel

    model = _random(MPNetModel, MPNetConfig(**TEXT | {"max_position_embeddings": 302}, pad_token_id=PAD))
    model.encoder.relative_attention_bias.weight.data.uniform_(-2.0, 2.0)
    _save(model, folder, None)
    return _sentences(model, folder, (5, 290))


def whisper(folder: Path) -> Case:
    """The mean over the positions of the sound, of a model whose windows have 40 frames."""
    from transformers import WhisperConfig, WhisperModel

    sizes: dict[str, Any] = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 4}
    sizes |= {"decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "vocab_size": WORDS}
    config = WhisperConfig(
        **sizes, num_mel_bins=16, max_source_positions=20, pad_token_id=PAD, bos_token_id=PAD, eos_token_id=END
    )
    config.decoder_start_token_id = PAD
    model = _random(WhisperModel, config)
    _save(model, folder, None)
    log_mel = np.random.default_rng(SEED).normal(size=(2, 16, 40)).astype(np.float32)
    states = _run(model.encoder, input_features=log_mel).last_hidden_state.numpy()
    mean = np.stack([states[0, :5].mean(axis=0), states[1].mean(axis=0)])
    inputs: Arrays = {"log_mel": log_mel, "frames": np.array([9, 40], np.int64)}
    return Case(folder, {"sound": inputs}, {"sound": {"embedding": mean}})


def torchvision_model(folder: Path, name: str) -> Case:
    import torchvision

    return _classifier(folder, _random(torchvision.models.get_model(name, num_classes=CLASSES)), 64)


def timm_model(folder: Path, name: str, side: int) -> Case:
    import timm

    return _classifier(folder, _random(timm.create_model(name, num_classes=CLASSES)), side)


CASES: dict[str, Callable[[Path], Case]] = {
    "efficientnet": lambda folder: timm_model(folder, "tf_efficientnet_lite0", 224),
    "bert": bert,
    "mpnet": mpnet,
    "clip": clip,
    "siglip": siglip,
    "vit": vit,
    "dinov2": dinov2,
    "whisper": whisper,
    "resnet18": lambda folder: torchvision_model(folder, "resnet18"),
    "resnet50": lambda folder: torchvision_model(folder, "resnet50"),
    "resnext50": lambda folder: torchvision_model(folder, "resnext50_32x4d"),
    "mobilenet-large": lambda folder: torchvision_model(folder, "mobilenet_v3_large"),
    "mobilenet-small": lambda folder: torchvision_model(folder, "mobilenet_v3_small"),
    "timm-resnet50": lambda folder: timm_model(folder, "resnet50", 64),
}


def _random(model: Any, config: Any = None) -> Any:
    """The model with weights, biases and statistics that differ from those of a fresh one, and the same each time."""
    import torch

    torch.manual_seed(SEED)
    model = (model if config is None else model(config)).eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", "bias")) and tensor.is_floating_point():
                tensor.uniform_(-0.2, 0.2)
            elif tensor.is_floating_point() and tensor.ndim == 1:
                tensor.uniform_(0.8, 1.2)
    return model


def _save(model: Any, folder: Path, processor: dict[str, object] | None) -> None:
    model.save_pretrained(folder)
    if processor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    words = {"[UNK]": 0, "[PAD]": PAD} | {f"w{at}": at for at in range(2, WORDS)}
    end = f"w{END}"
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": end, "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {end: {"id": end, "ids": [END], "tokens": [end]}},
        },
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def _pixels(side: int) -> np.ndarray:
    return np.random.default_rng(SEED).normal(size=(2, 3, side, side)).astype(np.float32)


def _texts(length: int | None = None, counts: tuple[int, int] = (5, 9)) -> tuple[np.ndarray, np.ndarray]:
    """Ids and mask of two texts with these numbers of tokens, padded to the longer one or to `length`."""
    ids = np.full((2, length or max(counts)), PAD, np.int64)
    mask = np.zeros_like(ids)
    generator = np.random.default_rng(SEED)
    for row, count in enumerate(counts):
        ids[row, :count] = generator.integers(3, END, count)
        ids[row, count - 1] = END
        mask[row, :count] = 1
    return ids, mask


def _run(model: Any, **inputs: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(
            **{name: torch.from_numpy(it) if isinstance(it, np.ndarray) else it for name, it in inputs.items()}
        )


def _two_towers(model: Any, folder: Path, texts: Arrays) -> Case:
    pixels = _pixels(32)
    found = _run(model, pixel_values=pixels, **texts)
    return Case(
        folder,
        {"picture": {"pixel_values": pixels}, "text": texts},
        {"picture": {"embedding": found.image_embeds.numpy()}, "text": {"embedding": found.text_embeds.numpy()}},
    )


def _picture(source: Path, pixels: np.ndarray, features: Any, logits: Any, classes: Path | None = None) -> Case:
    expected = {"embedding": features.numpy()}
    if logits is not None:
        expected["probabilities"] = logits.softmax(dim=-1).numpy()
    return Case(source, {"picture": {"pixel_values": pixels}}, {"picture": expected}, classes)


def _sentences(model: Any, folder: Path, counts: tuple[int, int] = (5, 9)) -> Case:
    """The mean over the tokens, normalised, as in sentence-transformers."""
    ids, mask = _texts(counts=counts)
    states = _run(model, input_ids=ids, attention_mask=mask).last_hidden_state.numpy()
    mean = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    return Case(folder, {"text": {"input_ids": ids, "attention_mask": mask}}, {"text": {"embedding": mean}})


def _classifier(folder: Path, model: Any, side: int) -> Case:
    """A state dict; the features are the input of the classifying layer."""
    import torch

    torch.save(model.state_dict(), folder / "model.pth")
    (folder / "classes.txt").write_text("".join(f"class {at}\n" for at in range(CLASSES)))
    layer = model.fc if hasattr(model, "fc") else model.classifier
    # MobileNetV3 has two layers.
    layer = layer[0] if hasattr(layer, "__getitem__") else layer
    seen: list[Any] = []
    layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pixels = _pixels(side)
    with torch.no_grad():
        logits = model(torch.from_numpy(pixels))
    case = _picture(folder / "model.pth", pixels, seen[0], logits, folder / "classes.txt")
    case.side = side
    return case
