"""The films with known cuts that `evaluate_align` makes."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from edgefuse_tools.measure.evaluate_align import LONGEST_S, SHORTEST_S, SIDE, Scene, article, draw, picture
from edgefuse_tools.measure.evaluate_photos import Photograph


def photographs() -> list[Photograph]:
    return [
        Photograph(Path(f"{noun}.png"), noun, "animals")
        for noun in ("zebra", "bison", "tiger", "ibex", "no such thing")
    ]


def test_scenes_follow_each_other_and_show_different_classes() -> None:
    for film in draw(photographs(), films=5, scenes=4):
        assert film[0].start == 0
        assert all(before.end == after.start for before, after in zip(film, film[1:]))
        assert all(SHORTEST_S <= scene.end - scene.start <= LONGEST_S for scene in film)
        assert {scene.photograph.noun for scene in film} == {"zebra", "bison", "tiger", "ibex"}
    assert draw(photographs(), 2, 3) == draw(photographs(), 2, 3)


def test_a_sentence_names_its_photograph() -> None:
    zebra, _, _, ibex, _ = photographs()
    assert Scene(zebra, 0, 4).sentence == "A photograph of a zebra."
    assert article(ibex.noun) == "an ibex"


def test_a_frame_shows_the_photograph_on_white(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGBA", (2 * SIDE, SIDE), (255, 0, 0, 255)).save(path)
    frame = Image.frombytes("RGB", (SIDE, SIDE), picture(path))
    assert frame.getpixel((SIDE // 2, SIDE // 2)) == (255, 0, 0)
    assert frame.getpixel((0, 0)) == (255, 255, 255)
