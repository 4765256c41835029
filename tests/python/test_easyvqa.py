"""The data set's reader, and the pictures and questions drawn in its style."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefuse_tools.easyvqa import dataset, download, drawing, questions
from edgefuse_tools.easyvqa.descriptions import Content, describe, misdescribe
from edgefuse_tools.easyvqa.labels import ANSWERS, COLOR_NAMES, COLORS, SHAPES


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_same_seed_draws_the_same_pictures() -> None:
    first, second = drawing.draw(rng(), 20), drawing.draw(rng(), 20)
    assert np.array_equal(first.images, second.images)
    assert np.array_equal(first.shapes, second.shapes)
    assert np.array_equal(first.colors, second.colors)


def test_a_drawn_picture_has_a_light_background_and_a_shape_of_its_color() -> None:
    pictures = drawing.draw(rng(), 60)
    for image, color in zip(pictures.images, pictures.colors):
        pixels = image.reshape(-1, 3)
        background = (pixels >= 230).all(axis=1)
        fill = (pixels == COLORS[COLOR_NAMES[color]]).all(axis=1)
        assert background.sum() > fill.sum() > 10


def test_shapes_fill_their_bounding_box_as_far_as_geometry_says() -> None:
    pictures = drawing.draw(rng(), 300)
    expected = {"rectangle": 1.0, "circle": np.pi / 4, "triangle": 0.5}
    filled: dict[str, list[float]] = {shape: [] for shape in SHAPES}
    for mask, shape in zip(drawing.shape_mask(pictures.images), pictures.shapes):
        rows, columns = np.nonzero(mask > 0.5)
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        if box > 300:  # small shapes are too coarse
            filled[SHAPES[shape]].append(float(mask.sum() / box))
    for shape, shares in filled.items():
        assert len(shares) > 20
        assert np.mean(shares) == pytest.approx(expected[shape], abs=0.06), shape


def test_the_mask_is_one_inside_and_zero_outside() -> None:
    image = np.full((1, 64, 64, 3), 240, dtype=np.uint8)
    image[0, 10:20, 30:50] = COLORS["yellow"]
    mask = drawing.shape_mask(image)
    assert mask[0, 10:20, 30:50].min() == 1.0
    assert mask.sum() == 200.0


def truth(text: str, shape: str, color: str) -> str:
    """The true answer, derived from the words."""
    words = text.rstrip("?").split()
    if words[0] == "what":
        return color if "color" in words else shape
    named = next(word for word in words if word in SHAPES + COLOR_NAMES)
    denied = "not" in words or "no" in words
    return "yes" if (named in (shape, color)) != denied else "no"


@pytest.mark.parametrize("mix", [questions.EASY, questions.HARD])
def test_sampled_questions_have_true_answers(mix: questions.Mix) -> None:
    generator = rng()
    seen = set()
    for _ in range(3000):
        shape, color = str(generator.choice(SHAPES)), str(generator.choice(COLOR_NAMES))
        question = questions.sample(generator, shape, color, mix)
        assert question.answer == truth(question.text, shape, color), question
        assert question.answer in ANSWERS
        seen.add(question.text)
    assert seen <= set(questions.every_text())


@pytest.mark.parametrize("mix", [questions.EASY, questions.HARD])
def test_neither_yes_nor_no_is_a_safe_guess(mix: questions.Mix) -> None:
    generator = rng()
    answers = [questions.sample(generator, "circle", "teal", mix).answer for _ in range(4000)]
    assert answers.count("yes") / answers.count("no") == pytest.approx(1.0, abs=0.15)


def test_variations_keep_the_meaning() -> None:
    generator = rng()
    plain = "what is the color of the shape?"
    varied = {questions.vary(generator, plain) for _ in range(200)}
    assert plain in varied
    assert {re.sub(r"[ .?]+$", "", text).replace("colour", "color") for text in varied} == {plain[:-1]}


def write_small_data_set(folder: Path) -> None:
    """Two train and one test picture with questions, laid out as in the wheel."""
    pictures = drawing.draw(rng(), 3)
    for part, indices in (("train", [0, 1]), ("test", [2])):
        images = folder / "data" / part / "images"
        images.mkdir(parents=True)
        asked = []
        for number, index in enumerate(indices):
            Image.fromarray(pictures.images[index]).save(images / f"{number}.png")
            asked.append(["what shape is present?", SHAPES[pictures.shapes[index]], number])
        asked.append([f"is there a {COLOR_NAMES[pictures.colors[indices[0]]]} shape?", "yes", 0])
        asked.append(["is there not a pink shape?", "yes", 0])
        (folder / "data" / part / "questions.json").write_text(json.dumps(asked), encoding="utf-8")


def named_in(text: str) -> tuple[str | None, str | None]:
    """Shape and colour that a description names."""
    words = text.replace("grey", "gray").split()
    return next((s for s in SHAPES if s in words), None), next((c for c in COLOR_NAMES if c in words), None)


@pytest.mark.parametrize("content", list(Content))
def test_descriptions_are_true_and_misdescriptions_are_wrong_with_the_same_content(content: Content) -> None:
    numbers, nearly = rng(), 0
    for _ in range(500):
        shape, color = int(numbers.integers(len(SHAPES))), int(numbers.integers(len(COLOR_NAMES)))
        named = named_in(describe(numbers, shape, color, content))
        assert named == (
            SHAPES[shape] if content is not Content.COLOR else None,
            COLOR_NAMES[color] if content is not Content.SHAPE else None,
        )
        mistaken = named_in(misdescribe(numbers, shape, color, content))
        assert [name is None for name in mistaken] == [name is None for name in named] and mistaken != named
        nearly += sum(name == other for name, other in zip(named, mistaken)) == 1
    assert content is not Content.BOTH or nearly > 250, "most are wrong in one respect only"


def test_the_data_set_is_read_with_the_labels_its_questions_reveal(tmp_path: Path) -> None:
    write_small_data_set(tmp_path)
    assert download.ensure(tmp_path) == tmp_path, "a complete folder is not fetched again"
    split = dataset.load(tmp_path, "train")
    drawn = drawing.draw(rng(), 3)
    assert np.array_equal(split.pictures.images, drawn.images[:2])
    assert split.pictures.shapes.tolist() == drawn.shapes[:2].tolist()
    assert split.pictures.colors.tolist() == [drawn.colors[0], -1], "nothing reveals the second picture's color"
    assert [ANSWERS[index] for index in split.answers[-2:]] == ["yes", "yes"]


def test_a_subset_renumbers_its_pictures(tmp_path: Path) -> None:
    write_small_data_set(tmp_path)
    whole = dataset.load(tmp_path, "train")
    second = whole.subset(1, 2)
    assert second.texts == ["what shape is present?"]
    assert second.image_ids.tolist() == [0]
    assert np.array_equal(second.pictures.images[0], whole.pictures.images[1])


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(command: list[str], check: bool) -> None:
        (Path(command[command.index("--dest") + 1]) / "easy_vqa-1.0-py3-none-any.whl").write_bytes(b"something else")

    monkeypatch.setattr(subprocess, "run", fetch)
    with pytest.raises(ValueError, match="sha256 is .* expected"):
        download.ensure(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
