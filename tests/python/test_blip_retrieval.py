"""Training of the small BLIP's matching."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.training
pytest.importorskip("torch", reason="needs scripts/requirements/train.txt")
import torch  # noqa: E402

pytest.importorskip("transformers", reason="needs scripts/requirements/train.txt")

from edgefuse_tools.easyvqa import drawing, tokenizer  # noqa: E402
from edgefuse_tools.easyvqa.dataset import Split  # noqa: E402
from edgefuse_tools.easyvqa.texts import TextEncoder  # noqa: E402
from edgefuse_tools.training.blip import folders, retrieval  # noqa: E402
from edgefuse_tools.training.blip.batches import Source  # noqa: E402
from edgefuse_tools.training.blip.model import JointBlip  # noqa: E402


def test_matching_learns_around_a_frozen_vision_encoder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    joint = JointBlip()
    state = retrieval.new_state(joint, seed=0)
    encoder = TextEncoder(tokenizer.build())
    pictures = drawing.draw(np.random.default_rng(0), 16)
    empty = Split(pictures, [], np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    text_before = state.model.blip.text_encoder.state_dict()["embeddings.word_embeddings.weight"].clone()
    lines: list[str] = []

    def checkpoint() -> None:
        folders.write_retrieval(state.averaged, tmp_path)

    stage, source = retrieval.Stage(6, pictures=16), Source(0, 16, pictures, encoder)
    retrieval.train(state, stage, source, encoder, empty, 0, 6, lines.append, checkpoint)
    assert len(lines) == 1 and "matched" in lines[0]
    for name, weight in joint.vision.state_dict().items():
        assert torch.equal(weight, state.averaged.blip.vision_model.state_dict()[name]), name
    assert not torch.equal(text_before, state.model.blip.text_encoder.state_dict()["embeddings.word_embeddings.weight"])
    assert (tmp_path / "retrieval/config.json").is_file()


def test_the_evaluation_counts_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """With matching that is right except for the first picture, and embeddings that always select the same caption."""
    model = retrieval.Retrieval(JointBlip())
    encoder = TextEncoder(tokenizer.build())
    pictures = drawing.draw(np.random.default_rng(1), 10)
    split = Split(pictures, [], np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    truth = pictures.shapes * 8 + pictures.colors
    calls = iter(range(24))

    def match_logits(texts: object, states: torch.Tensor) -> torch.Tensor:
        caption = next(calls)
        says = torch.from_numpy(truth == caption)
        says[0] = bool(caption == (truth[0] + 1) % 24)
        return torch.stack([torch.zeros(len(states)), torch.where(says, 5.0, -5.0)], dim=1)

    monkeypatch.setattr(model, "match_logits", match_logits)
    monkeypatch.setattr(model, "image_embeddings", lambda states: torch.ones(len(states), 1))
    monkeypatch.setattr(model, "text_embeddings", lambda texts: torch.eye(24)[:, truth[3] : truth[3] + 1])
    figures = retrieval.accuracies(model, encoder, split)
    assert figures["matched"] == pytest.approx(0.9)
    assert figures["embedded"] == pytest.approx((truth == truth[3]).mean())
    assert figures["pairs"] == pytest.approx(1.0 - 2 / 240)
