"""Writes Hugging Face folders with the layout of the public BLIP checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from transformers import PreTrainedModel

from edgefuse_tools.easyvqa import tokenizer
from edgefuse_tools.easyvqa.drawing import SIZE
from edgefuse_tools.easyvqa.pixels import DEVIATION, MEAN
from edgefuse_tools.training.blip.model import JointBlip
from edgefuse_tools.training.blip.retrieval import Retrieval

_TOKENIZER_CONFIG = {
    "tokenizer_class": "BertTokenizer",
    "do_lower_case": True,
    "model_max_length": 64,
    "cls_token": tokenizer.CLS,
    "sep_token": tokenizer.SEP,
    "pad_token": tokenizer.PAD,
    "unk_token": tokenizer.UNK,
    "mask_token": tokenizer.MASK,
    "model_input_names": ["input_ids", "attention_mask"],
}
_PREPROCESSOR_CONFIG = {
    "image_processor_type": "BlipImageProcessor",
    "processor_class": "BlipProcessor",
    "do_convert_rgb": True,
    "do_resize": True,
    "size": {"height": SIZE, "width": SIZE},
    "resample": 3,  # bicubic
    "do_rescale": True,
    "rescale_factor": 1.0 / 255.0,
    "do_normalize": True,
    "image_mean": list(MEAN),
    "image_std": list(DEVIATION),
}


def write(model: JointBlip, folder: Path) -> None:
    """Writes ``folder``/caption and ``folder``/vqa atomically."""
    _write_one(model.captioning, folder / "caption")
    _write_one(model.answering, folder / "vqa")


def write_retrieval(model: Retrieval, folder: Path) -> None:
    """Writes ``folder``/retrieval atomically."""
    _write_one(model.blip, folder / "retrieval")


def _write_one(model: PreTrainedModel, folder: Path) -> None:
    scratch = folder.with_name(folder.name + ".partial")
    old = folder.with_name(folder.name + ".old")
    for leftover in (scratch, old):
        shutil.rmtree(leftover, ignore_errors=True)
    model.save_pretrained(scratch)
    tokenizer.build().save(str(scratch / "tokenizer.json"))
    tokenizer.save_vocabulary(scratch)
    _write_json(scratch / "tokenizer_config.json", _TOKENIZER_CONFIG)
    _write_json(scratch / "preprocessor_config.json", _PREPROCESSOR_CONFIG)
    if folder.exists():
        folder.rename(old)
    scratch.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
