"""The student's targets with partial inputs, its sensor, and the figures of its evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from edgefuse_tools.easyvqa.dataset import Split
from edgefuse_tools.easyvqa.drawing import Pictures
from edgefuse_tools.easyvqa.labels import ANSWERS, COLOR_NAMES, SHAPES
from edgefuse_tools.easyvqa.questions import every_text
from edgefuse_tools.student import color_sensor
from edgefuse_tools.student.calibration import calibration_error, expected_calibration_error
from edgefuse_tools.student.expectations import Expectations
from edgefuse_tools.training.evaluation import figures

RED, BLUE = COLOR_NAMES.index("red"), COLOR_NAMES.index("blue")
CIRCLE = SHAPES.index("circle")


def answers(*texts: str) -> np.ndarray:
    return np.array([ANSWERS.index(text) for text in texts])


def expectations() -> Expectations:
    """Expectations from a red circle and a blue circle, with three questions and one."""
    asked = ["is there a red shape?", "what color is the circle?", "is there a red shape?", "is there a red shape?"]
    pictures = Pictures(np.zeros((2, 1, 1, 3), np.uint8), np.array([CIRCLE, CIRCLE]), np.array([RED, BLUE]))
    return Expectations(Split(pictures, asked, answers("yes", "red", "yes", "no"), np.array([0, 0, 0, 1])))


def shares(presence: tuple[int, int, int, int], text: str, answer: str) -> dict[str, float]:
    numbers = np.array([every_text().index(text)])
    known = (np.array([CIRCLE]), np.array([RED]), answers(answer))
    [row] = expectations().shares(np.array([presence], dtype=np.float32), numbers, *known)
    assert row.sum() == pytest.approx(1.0, abs=1e-5)
    return {name: round(float(share), 2) for name, share in zip(ANSWERS, row) if share > 0.01}


def test_with_picture_and_question_the_answer_is_certain() -> None:
    for presence in ((1, 1, 0, 0), (1, 0, 1, 0), (1, 1, 1, 1)):
        assert shares(presence, "is there a red shape?", "yes") == {"yes": 1.0}


def test_a_question_alone_has_the_shares_of_its_answers() -> None:
    for presence in ((0, 1, 0, 0), (0, 0, 1, 0)):
        assert shares(presence, "is there a red shape?", "yes") == {"yes": 0.67, "no": 0.33}


def test_a_picture_alone_has_the_shares_of_the_questions_about_its_kind() -> None:
    assert shares((1, 0, 0, 0), "is there a red shape?", "yes") == {"yes": 0.67, "red": 0.33}


def test_a_sensor_alone_has_the_shares_of_its_color_and_no_input_the_shares_of_all() -> None:
    assert shares((0, 0, 0, 1), "is there a red shape?", "yes") == {"yes": 0.67, "red": 0.33}
    assert shares((0, 0, 0, 0), "is there a red shape?", "yes") == {"yes": 0.5, "red": 0.25, "no": 0.25}


def test_a_sensor_determines_answers_about_color_only() -> None:
    assert shares((0, 1, 0, 1), "is there a red shape?", "yes") == {"yes": 1.0}
    assert shares((0, 0, 1, 1), "what color is the circle?", "red") == {"red": 1.0}
    asked = np.array([every_text().index(text) for text in ("what is the red shape?", "is there a circle?")])
    assert not expectations().certain(np.array([[0, 1, 0, 1]] * 2, dtype=np.float32), asked).any()


def test_readings_are_in_range_and_colors_can_be_distinguished() -> None:
    colors = np.repeat(np.arange(len(COLOR_NAMES)), 200)
    readings = color_sensor.read(np.random.default_rng(0), colors)
    assert readings.shape == (len(colors), len(color_sensor.READINGS)) and readings.dtype == np.float32
    assert readings.min() >= 0.0 and readings.max() <= 1.0
    # Brightness depends on the light as much as on the shape: compare chromaticity, and only roughly the brightness.
    chroma = np.concatenate([readings[:, :3] / (readings[:, 3:] + 0.1), readings[:, 3:]], axis=1)
    means = np.stack([chroma[colors == color].mean(axis=0) for color in range(len(COLOR_NAMES))])
    nearest = np.linalg.norm(chroma[:, None] - means, axis=2).argmin(axis=1)
    assert (nearest == colors).mean() > 0.95
    assert np.array_equal(readings, color_sensor.read(np.random.default_rng(0), colors))


def test_calibration_error_against_a_manual_result() -> None:
    # Two bins: 0.9 twice with one right, so 0.4 too confident; 0.6 once and right, so 0.4 too unconfident.
    assert calibration_error(np.array([0.9, 0.9, 0.6]), np.array([True, False, True])) == pytest.approx(0.4)
    assert calibration_error(np.array([0.5, 0.5]), np.array([True, False])) == 0.0
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])
    assert expected_calibration_error(probabilities, np.array([0, 0, 0])) == pytest.approx(0.4)
    assert calibration_error(np.array([1.0]), np.array([True])) == 0.0


def test_figures_against_manual_results() -> None:
    lines = [
        {"fusion": {"label": "red", "confidence": 1.0, "ms": 1.0}},
        {"fusion": {"label": "no", "confidence": 0.5, "ms": 2.0}},
        {"fusion": {"label": "no", "confidence": 0.5, "ms": 9.0}},
    ]
    expected = {
        "accuracy": 0.66667,
        "calibration_error": 0.0,
        "confidence": 0.6667,
        "ms": 2.0,
        "ms_fastest_hundredth": 1.0,
    }
    assert figures.decided(lines, ["red", "no", "yes"]) == expected
    assert figures.best_possible(["a", "a", "a", "b"], ["yes", "yes", "no", "no"]) == 0.75
    found = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert figures.recall(np.array([[0.9, 0.1], [0.8, 0.2]]), ["x", "y"], found, ["x", "y"]) == 0.5
