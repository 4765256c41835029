"""scripts/export.py llm against transformers with seeded random weights, and on files that it must refuse.

The comparisons need PyTorch and transformers (scripts/requirements/train.txt); skipped with a message if they are not
installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse_tools.export.llm.command import main
from edgefuse_tools.parity import llm_random
from edgefuse_tools.parity.llm_onnx import OnnxLlm

pytestmark = pytest.mark.training
reason = "the reference needs PyTorch and transformers, which the training environment has"
pytest.importorskip("torch", reason=reason)
import torch  # noqa: E402

pytest.importorskip("transformers", reason=reason)
import transformers  # noqa: E402

torch.set_num_threads(1)

TOLERANCE = 1e-3
POSITIONS = 40
NEW_TOKENS = 40

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, untied, biased, one head": (
        "llama",
        {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True, "num_key_value_heads": 1},
    ),
    "llama 3.2": ("llama", {"rope_theta": 500000.0, "rope_scaling": LLAMA3}),
    "llama, linear scaling": ("llama", {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
    "llama, as transformers 5 writes it": ("llama", {"rope_parameters": LLAMA3 | {"rope_theta": 5000.0}}),
    "qwen2": ("qwen2", {}),
    "qwen2, untied, windows": (
        "qwen2",
        {"tie_word_embeddings": False, "use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1},
    ),
    "qwen3": ("qwen3", {}),
    "qwen3, narrow heads": ("qwen3", {"num_attention_heads": 8, "num_key_value_heads": 8}),
    "gemma3": ("gemma3", {}),
    "gemma3, as transformers 5 writes it": (
        "gemma3",
        {
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            }
        },
    ),
}


def reference(checkpoint: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()


@pytest.mark.parametrize("dialect", ["ort", "standard"])
@pytest.mark.parametrize("name", CONFIGS)
def test_logits_and_tokens_equal_the_references(tmp_path: Path, name: str, dialect: str) -> None:
    family, changes = CONFIGS[name]
    checkpoint, folder = tmp_path / "checkpoint", tmp_path / "model"
    llm_random.save(checkpoint, family, **changes)
    assert main([str(checkpoint), str(folder), "--dialect", dialect, "--precision", "fp32"]) == 0
    model, ours = reference(checkpoint), OnnxLlm(folder)
    ids = np.random.default_rng(2).integers(256, 400, POSITIONS).tolist()
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0].numpy()
        greedy = model.generate(torch.tensor([ids]), max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=None)
    assert np.abs(expected).max() > 1.0
    assert np.abs(ours.every_position(ids) - expected).max() < TOLERANCE
    # A prompt at once, and in pieces that meet the cache.
    for cut in (0, 13, POSITIONS - 1):
        ours.restart()
        if cut:
            ours.feed(ids[:cut])
        assert np.abs(ours.feed(ids[cut:]) - expected[-1]).max() < TOLERANCE, cut
    assert ours.greedy(ids, NEW_TOKENS) == greedy[0, POSITIONS:].tolist()
