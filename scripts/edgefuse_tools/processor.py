"""Processor classes for which ONNX Runtime has different kernels, as in src/engine/processor.rs."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
VNNI = {"avx512_vnni", "avx_vnni"}


def processor_class(cpuinfo: str) -> str:
    """Name as in `Processor` in src/engine/processor.rs."""
    words = set(cpuinfo.split())
    if "asimd" in words:
        feature = next((name for name in ("i8mm", "asimddp") if name in words), None)
        return {"i8mm": "ARM with i8mm", "asimddp": "ARM with dot products"}.get(
            feature or "", "ARM without dot products"
        )
    if words & VNNI:
        return "x86-64 with VNNI"
    return "x86-64 with AVX2, without VNNI" if {"avx2", "fma"} <= words else "x86-64 without AVX2"


def saturates(cpuinfo: str) -> bool:
    """Whether pairs of byte products are summed in 16 bits: on x86-64 without VNNI."""
    return processor_class(cpuinfo) in ("x86-64 with AVX2, without VNNI", "x86-64 without AVX2")
