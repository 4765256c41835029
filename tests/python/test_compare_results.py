"""The comparison of results from two machines finds differences, and only those."""

from __future__ import annotations

from typing import Any

import pytest

from edgefuse_tools.checks.compare_results import differences

HERE: dict[str, Any] = {"id": "a", "fusion": {"label": "blue", "confidence": 0.5, "ms": 1.0, "embedding": [0.1, 0.2]}}


def changed(**fields: object) -> dict[str, object]:
    return {**HERE, "fusion": {**HERE["fusion"], **fields}}


@pytest.mark.parametrize("fields", [{}, {"ms": 300.0}, {"confidence": 0.5004}, {"embedding": [0.1, 0.2005]}])
def test_equal_within_tolerance(fields: dict[str, object]) -> None:
    assert differences(HERE, changed(**fields), 1e-3) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"label": "red"},
        {"confidence": 0.502},
        {"confidence": float("nan")},
        {"confidence": "0.5"},
        {"embedding": [0.1]},
        {"embedding": [0.1, 0.3]},
        {"error": "x"},
    ],
)
def test_differences_are_reported(fields: dict[str, object]) -> None:
    assert len(differences(HERE, changed(**fields), 1e-3)) == 1
