"""Exported encoders against transformers, on seeded random weights; torchvision's and timm's are left to verify_encoders."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.training
pytest.importorskip("torch", reason="needs scripts/requirements/train.txt")
pytest.importorskip("transformers", reason="needs scripts/requirements/train.txt")


@pytest.mark.parametrize("name", ["bert", "clip", "siglip", "vit", "dinov2"])
def test_an_encoder_computes_what_transformers_does(name: str) -> None:
    from edgefuse_tools.parity.encoder_random import CASES
    from edgefuse_tools.parity.verify_encoders import compare

    for row in compare(name, CASES[name]):
        assert float(str(row["difference"])) < 1e-6, row
