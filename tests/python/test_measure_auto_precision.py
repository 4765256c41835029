"""scripts/dev.py measure_auto_precision: the table."""

from __future__ import annotations

from edgefuse_tools.measure.measure_auto_precision import table


def test_the_fastest_is_named() -> None:
    text = table("tiny", {"signal": {"fp32": 2.0, "int8": 1.0}, "text": {"fp32": 1.0, "int8": 3.0}})
    assert text.splitlines()[2:] == ["| tiny | signal | 2 ms | 1 ms | int8 |", "| tiny | text | 1 ms | 3 ms | fp32 |"]
