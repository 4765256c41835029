"""Recognises the architecture of a checkpoint and reads its parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint, read_json
from edgefuse_tools.export.checkpoints.safetensors_file import read_safetensors
from edgefuse_tools.export.checkpoints.torch_file import read_torch
from edgefuse_tools.export.encoder.bert import read_bert
from edgefuse_tools.export.encoder.classifiers import Choices, read_classifier
from edgefuse_tools.export.encoder.clip import read_clip, read_siglip
from edgefuse_tools.export.encoder.mpnet import read_mpnet
from edgefuse_tools.export.encoder.parts import Parts
from edgefuse_tools.export.encoder.vit import read_vit
from edgefuse_tools.export.encoder.whisper import read_whisper
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.whisper.weights import is_ctranslate2

FOLDERS: dict[str, Callable[[Path], Parts]] = {
    "bert": read_bert,
    "mpnet": read_mpnet,
    "clip": read_clip,
    "siglip": read_siglip,
    "vit": read_vit,
    "dinov2": read_vit,
    "whisper": read_whisper,
}
"""Readers of Hugging Face folders, by `model_type` of config.json."""


def read_encoder(source: Path, choices: Choices) -> Parts:
    """The parts of the encoder in `source`: a Hugging Face folder, or a file with the state dict of a classifier of
    pictures."""
    if source.is_dir():
        if choices != Choices():
            raise ExportError(f"{source}: --classes and the preprocessing of a folder are those that its files specify")
        if is_ctranslate2(source):
            return read_whisper(source)
        kind = read_json(source, "config.json").get("model_type")
        if kind not in FOLDERS:
            raise ExportError(f"{source / 'config.json'}: model_type is {kind!r}; supported: {', '.join(FOLDERS)}")
        return FOLDERS[kind](source)
    return read_classifier(state_dict(source), choices)


def state_dict(path: Path) -> Checkpoint:
    """The tensors of one file, safetensors or PyTorch's."""
    if path.is_dir():
        raise ExportError(f"{path}: a folder; expected the state dict of a classifier of pictures, a file")
    if not path.is_file():
        raise ExportError(f"{path}: no such file or folder")
    reader = read_safetensors if path.suffix == ".safetensors" else read_torch
    return Checkpoint(path, dict(reader(path)))
