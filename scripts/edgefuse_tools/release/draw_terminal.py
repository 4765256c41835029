"""Draws the pictures in README: terminals with real runs of edgefuse on files of tests/data.

`python scripts/dev.py draw_terminal` writes docs/terminal.svg and docs/photographs.svg; run it again after a change to the
output of the commands. Needs Pillow.
"""

from __future__ import annotations

import argparse
import base64
import io
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image

from edgefuse_tools import ROOT

PICTURE = "tests/data/easyvqa-23.png"
PHOTOGRAPHS = tuple(f"tests/data/{name}" for name in ("chelsea.png", "coffee.png", "rocket.jpg"))


@dataclass(frozen=True)
class Scene:
    """A picture: its file, its description, and what it shows."""

    name: str
    label: str
    # As a user would type them; `edgefuse` is replaced by the binary of --binary, and `photos.idx` by a temporary folder.
    commands: tuple[str, ...]
    pictures: tuple[str, ...]
    config: str = "configs/cpu.yaml"


COMMANDS = (
    "edgefuse transcribe tests/data/question-color.wav",
    f"edgefuse caption {PICTURE}",
    f"edgefuse ask {PICTURE} --audio tests/data/question-shape.wav",
    f"edgefuse fuse --image {PICTURE} --text 'what color is the shape?'",
    f"edgefuse match {PICTURE} --text 'a red circle' --text 'a blue rectangle'",
)
SCENES = (
    Scene(
        "terminal", "A terminal: edgefuse transcribes a question, captions a picture and answers", COMMANDS, (PICTURE,)
    ),
    Scene(
        "photographs",
        "A terminal: edgefuse classifies a photograph, and finds photographs by a text and by speech",
        (
            f"edgefuse classify {PHOTOGRAPHS[0]} --top 3",
            f"edgefuse index {' '.join(PHOTOGRAPHS)} --into photos.idx",
            "edgefuse search photos.idx 'a pet' --top 1",
            "edgefuse search photos.idx 'space flight' --top 1",
            "edgefuse search photos.idx --audio tests/data/question-photo.wav --top 1",
        ),
        PHOTOGRAPHS,
        "configs/examples/photographs.yaml",
    ),
)
SIDE = 96
WIDTH, LINE, LEFT, TOP, SIZE, MOST_COLUMNS = 860, 20, 18, 52, 13, 104
GROUND, BAR, PROMPT, TYPED, PRINTED, NOTE = "#0d1117", "#161b22", "#3fb950", "#e6edf3", "#c9d1d9", "#7d8590"


def transcript(binary: Path, scene: Scene, folder: Path) -> list[tuple[str, str]]:
    """Runs the commands; returns each line of the terminal with its colour."""
    lines: list[tuple[str, str]] = []
    for command in scene.commands:
        arguments = [argument.replace("photos.idx", str(folder / "photos.idx")) for argument in shlex.split(command)]
        run = subprocess.run(
            [str(binary), "--config", scene.config, *arguments[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode != 0:
            raise SystemExit(f"draw_terminal: `{command}` exited with code {run.returncode}: {run.stderr.strip()}")
        lines.append((TYPED, command))
        lines += [(PRINTED, line.replace(f"{ROOT}/", "")) for line in run.stdout.splitlines()]
        lines += [(NOTE, line) for line in run.stderr.splitlines()]
        lines.append((PRINTED, ""))
    return lines[:-1]


def thumbnail(path: str) -> str:
    """The picture as a data URL of a small JPEG."""
    picture = Image.open(ROOT / path).convert("RGB")
    shortest = min(picture.size)
    left, top = (picture.width - shortest) // 2, (picture.height - shortest) // 2
    square = picture.crop((left, top, left + shortest, top + shortest)).resize((2 * SIDE, 2 * SIDE))
    written = io.BytesIO()
    square.save(written, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"


def draw(scene: Scene, lines: list[tuple[str, str]]) -> str:
    """The lines as an SVG of a terminal window, with the input pictures at its right."""
    # The longest commands end before the pictures.
    width = WIDTH if len(scene.pictures) == 1 else WIDTH + 120
    height = max(TOP + LINE * len(lines) + 10, 52 + len(scene.pictures) * (SIDE + 8))
    rows = []
    for number, (colour, line) in enumerate(lines):
        y = TOP + LINE * number
        prompt = f'<tspan fill="{PROMPT}">$ </tspan>' if colour == TYPED else ""
        text = line if len(line) <= MOST_COLUMNS else line[: MOST_COLUMNS - 1] + "…"
        rows.append(f'<text x="{LEFT}" y="{y}" fill="{colour}" xml:space="preserve">{prompt}{escape(text)}</text>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'role="img" aria-label="{escape(scene.label)}">',
            f'<rect width="{width}" height="{height}" rx="8" fill="{GROUND}"/>',
            f'<path d="M0 30V8a8 8 0 0 1 8-8h{width - 16}a8 8 0 0 1 8 8v22z" fill="{BAR}"/>',
            *(
                f'<circle cx="{18 + 18 * at}" cy="15" r="5.5" fill="{colour}"/>'
                for at, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
            ),
            *(
                f'<image x="{width - SIDE - 16}" y="{44 + at * (SIDE + 8)}" width="{SIDE}" height="{SIDE}" '
                f'href="{thumbnail(picture)}"/>'
                for at, picture in enumerate(scene.pictures)
            ),
            f'<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="{SIZE}">',
            *rows,
            "</g>",
            "</svg>",
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/edgefuse", help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of the pictures (default: %(default)s)")
    arguments = parser.parse_args()
    if not arguments.binary.is_file():
        print(f"draw_terminal: {arguments.binary} is missing; run `cargo build --release`", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        for scene in SCENES:
            lines = transcript(arguments.binary, scene, Path(folder))
            (arguments.out / f"{scene.name}.svg").write_text(draw(scene, lines), encoding="utf-8")
    return 0
