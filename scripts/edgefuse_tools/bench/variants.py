"""What is run: engines with their settings, and which workloads each takes part in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

CLIP, LONG, COLD, WER = "clip", "long", "cold", "wer"
WORKLOADS = (CLIP, LONG, COLD, WER)
BEAM = 5
BATCH = 8
EDGEFUSE = "edgefuse"


@dataclass(frozen=True)
class Variant:
    """One engine with one setting.

    name        what the results call it
    engine      the module in `bench.engines`
    packages    the Python packages whose versions are told, and without which it cannot run; the first is the engine
    weights     the form of the weights: a name of `bench.prepare`
    options     `precision`, `batch`, and what else the engine's module knows
    workloads   which it takes part in
    once        whether the long workload is run only once: for what is not the engine's fastest setting
    """

    name: str
    engine: str
    packages: tuple[str, ...]
    weights: str
    options: dict[str, Any] = field(default_factory=dict)
    workloads: tuple[str, ...] = WORKLOADS
    once: bool = False

    @property
    def batched(self) -> bool:
        return bool(self.options["batch"] > 1)


def edgefuse(precisions: Sequence[str]) -> list[Variant]:
    """edgefuse in every precision that its model folder has, the one of the headline first; that one also with an
    adaptive encoder context and in batches."""
    first = precisions[0]
    variants = [_edgefuse(precision, "full", 1, once=precision != first) for precision in precisions]
    variants.insert(1, _edgefuse(first, "adaptive", 1))
    variants.insert(2, _edgefuse(first, "full", BATCH, (LONG,)))
    return variants


def _edgefuse(
    precision: str, context: str, batch: int, workloads: tuple[str, ...] = WORKLOADS, once: bool = False
) -> Variant:
    name = f"{EDGEFUSE} {precision}"
    name += f" {context}" if context != "full" else ""
    name += f" batch {batch}" if batch > 1 else ""
    options = {"precision": precision, "context": context, "batch": batch}
    return Variant(name, "edgefuse", (), "edgefuse", options, workloads, once)


def _sherpa(precision: str) -> Variant:
    """sherpa-onnx decodes the first 30 s of a recording, so that it has no part in the long one."""
    options = {"precision": precision, "batch": 1}
    workloads = (CLIP, COLD, WER)
    return Variant(
        f"sherpa-onnx {precision}", "sherpa_onnx", ("sherpa-onnx",), f"sherpa-{precision}", options, workloads
    )


def peers() -> list[Variant]:
    """Every other engine. openai-whisper has no cold start here: its weights come through this project's own reader.
    The two in PyTorch have no part in what would take them minutes and tell little."""
    faster = ("faster-whisper", "ctranslate2")
    vino = ("openvino-genai", "openvino")
    return [
        Variant("whisper.cpp f16", "whisper_cpp", ("pywhispercpp",), "ggml", {"precision": "f16", "batch": 1}),
        Variant("faster-whisper int8", "faster_whisper", faster, "ctranslate2", {"precision": "int8", "batch": 1}),
        Variant(
            "faster-whisper fp32",
            "faster_whisper",
            faster,
            "ctranslate2",
            {"precision": "float32", "batch": 1},
            once=True,
        ),
        Variant(
            f"faster-whisper int8 batch {BATCH}",
            "faster_whisper",
            faster,
            "ctranslate2",
            {"precision": "int8", "batch": BATCH},
            (LONG,),
        ),
        Variant(
            "OpenVINO GenAI fp32", "openvino_genai", vino, "openvino-fp32", {"precision": "fp32", "batch": 1}, once=True
        ),
        Variant("OpenVINO GenAI int8", "openvino_genai", vino, "openvino-int8", {"precision": "fp32", "batch": 1}),
        *(_sherpa(precision) for precision in ("fp32", "int8")),
        Variant(
            "openai-whisper fp32",
            "openai_whisper",
            ("openai-whisper", "torch"),
            "ctranslate2",
            {"precision": "fp32", "batch": 1},
            (CLIP, WER),
        ),
        Variant(
            "transformers fp32",
            "transformers_whisper",
            ("transformers", "torch"),
            "hugging_face",
            {"precision": "fp32", "batch": 1},
            (CLIP, COLD),
        ),
    ]
