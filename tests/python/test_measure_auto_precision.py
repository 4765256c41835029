"""scripts/measure_auto_precision.py: the class of the processor, and the table."""

from __future__ import annotations

import pytest

from measure_auto_precision import processor_class, table


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("flags : sse4_2 avx avx2 fma avx512f avx512_vnni", "x86-64 with VNNI"),
        ("flags : avx2 fma avx_vnni", "x86-64 with VNNI"),
        ("flags : avx avx2 fma", "x86-64 with AVX2, without VNNI"),
        ("flags : sse4_2 avx", "x86-64 without AVX2"),
        ("Features : fp asimd asimddp i8mm", "ARM with i8mm"),
        ("Features : fp asimd asimddp", "ARM with dot products"),
        ("Features : fp asimd crc32", "ARM without dot products"),
    ],
)
def test_a_processor_has_its_class(flags: str, name: str) -> None:
    assert processor_class(flags) == name


def test_the_fastest_is_named() -> None:
    text = table("tiny", {"signal": {"fp32": 2.0, "int8": 1.0}, "text": {"fp32": 1.0, "int8": 3.0}})
    assert text.splitlines()[2:] == ["| tiny | signal | 2 ms | 1 ms | int8 |", "| tiny | text | 1 ms | 3 ms | fp32 |"]
