"""The Whisper benchmark's variants: engines with their settings, and the workloads of each."""

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

    name        name in the results
    engine      module in `bench.engines`
    packages    required Python packages, whose versions are reported; the first is the engine
    weights     format of the weights: a name in `bench.prepare`
    options     `precision`, `batch`, and other options of the engine's module
    workloads   workloads to run
    once        whether the long workload is run only once, for settings that are not the engine's fastest
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


#: `encoder_context` if no file sets it.
SHIPPED_CONTEXT = "full"


def edgefuse(precisions: Sequence[str]) -> list[Variant]:
    """edgefuse in every precision of its model folder, the headline first: as `configs/cpu.yaml` has it. That one also
    with an automatic encoder context, and in batches."""
    first = precisions[0]
    variants = [_edgefuse(precision, SHIPPED_CONTEXT, 1, once=precision != first) for precision in precisions]
    variants.insert(1, _edgefuse(first, "auto", 1))
    variants.insert(2, _edgefuse(first, SHIPPED_CONTEXT, BATCH, (LONG,)))
    return variants


def _edgefuse(
    precision: str, context: str, batch: int, workloads: tuple[str, ...] = WORKLOADS, once: bool = False
) -> Variant:
    name = f"{EDGEFUSE} {precision}"
    name += f" {context} context" if context != SHIPPED_CONTEXT else ""
    name += f" batch {batch}" if batch > 1 else ""
    options = {"precision": precision, "context": context, "batch": batch}
    return Variant(name, "edgefuse", (), "edgefuse", options, workloads, once)


def _sherpa(precision: str) -> Variant:
    """sherpa-onnx decodes only the first 30 s of a recording, so it does not run the long one."""
    options = {"precision": precision, "batch": 1}
    workloads = (CLIP, COLD, WER)
    return Variant(
        f"sherpa-onnx {precision}", "sherpa_onnx", ("sherpa-onnx",), f"sherpa-{precision}", options, workloads
    )


def peers() -> list[Variant]:
    """Every other engine. openai-whisper has no cold start here: its weights come through this project's own reader.
    The two in PyTorch skip workloads that would take minutes and add little."""
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
