"""Processor classes, and which of them need the exact, slower byte products."""

import pytest

from edgefuse_tools.processor import processor_class, saturates


@pytest.mark.parametrize(
    ("words", "name", "inexact"),
    [
        ("flags : sse4_2", "x86-64 without AVX2", True),
        ("flags : avx2", "x86-64 without AVX2", True),
        ("flags : avx2 fma", "x86-64 with AVX2, without VNNI", True),
        ("flags : avx2 fma avx_vnni", "x86-64 with VNNI", False),
        ("flags : avx2 fma avx512_vnni", "x86-64 with VNNI", False),
        ("Features : fp asimd", "ARM without dot products", False),
        ("Features : fp asimd asimddp", "ARM with dot products", False),
        ("Features : fp asimd asimddp i8mm", "ARM with i8mm", False),
    ],
)
def test_class_and_exactness(words: str, name: str, inexact: bool) -> None:
    assert (processor_class(words), saturates(words)) == (name, inexact)
