"""The BLIP benchmark's variants: engines with their settings, and the workloads of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgefuse_tools.bench.variants import EDGEFUSE

VISION, CAPTION, BEAMS, ANSWER = "vision", "caption", "beams", "answer"
TOKENS = {CAPTION: 20, BEAMS: 20, ANSWER: 5}
"""New tokens that every engine writes."""
BEAM = 3
TITLES = {
    VISION: "vision encoder",
    CAPTION: f"caption, {TOKENS[CAPTION]} tokens, greedy",
    BEAMS: f"caption, {TOKENS[BEAMS]} tokens, {BEAM} beams",
    ANSWER: f"answer, {TOKENS[ANSWER]} tokens",
}
WORKLOADS = tuple(TITLES)
TASK = {VISION: "caption", CAPTION: "caption", BEAMS: "caption", ANSWER: "vqa"}
"""The task whose weights a workload uses."""
QUESTION = "what color is the circle?"


@dataclass(frozen=True)
class BlipVariant:
    """One engine with one setting.

    name        name in the results
    engine      module in `bench.engines`
    packages    required Python packages, whose versions are reported; the first is the engine
    precision   of the model folder, for all graphs or by graph; None: the checkpoint as it is
    workloads   workloads to run
    """

    name: str
    engine: str
    packages: tuple[str, ...]
    precision: Any = None
    workloads: tuple[str, ...] = WORKLOADS


def variants() -> list[BlipVariant]:
    """All variants, the headline first."""
    mixed = {"vision": "int8", "default": "q8"}
    precisions = {"q8": "q8", "vision int8, others q8": mixed, "int8": "int8", "fp32": "fp32"}
    reference = ("transformers", "torch")
    return [
        *(BlipVariant(f"{EDGEFUSE} {name}", "blip_edgefuse", (), value) for name, value in precisions.items()),
        # The loop around the graphs is plain numpy, without beam search.
        *(
            BlipVariant(f"onnxruntime {name}", "blip_onnxruntime", ("onnxruntime",), name, (VISION, CAPTION, ANSWER))
            for name in ("q8", "fp32")
        ),
        BlipVariant("candle fp32", "blip_candle", (), workloads=(VISION, CAPTION)),
        BlipVariant("transformers fp32", "blip_transformers", reference),
    ]
