"""Exported encoders against transformers, on seeded random weights; torchvision's and timm's are left to verify_encoders."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.training
pytest.importorskip("torch", reason="needs scripts/requirements/train.txt")
pytest.importorskip("transformers", reason="needs scripts/requirements/train.txt")


@pytest.mark.parametrize("name", ["bert", "mpnet", "clip", "siglip", "vit", "dinov2", "whisper"])
def test_an_encoder_computes_what_transformers_does(name: str) -> None:
    from edgefuse_tools.parity.encoder_random import CASES
    from edgefuse_tools.parity.verify_encoders import compare

    for row in compare(name, CASES[name]):
        assert float(str(row["difference"])) < 1e-6, row


def test_distances_are_in_the_buckets_of_transformers() -> None:
    import numpy as np
    import torch
    from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

    from edgefuse_tools.export.encoder.mpnet import bucket

    distances = np.arange(-2000, 2001)
    expected = MPNetEncoder.relative_position_bucket(torch.from_numpy(distances)).numpy()
    assert np.array_equal(bucket(distances), expected)
