"""Draws docs/terminal.svg, the picture in README: a terminal with real runs of edgefuse on files of tests/data.

Run `python scripts/dev.py draw_terminal` again after a change to the output of the commands.
"""

from __future__ import annotations

import argparse
import base64
import shlex
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from edgefuse_tools import ROOT

PICTURE = "tests/data/easyvqa-23.png"
# As a user would type them; `edgefuse` is replaced by the binary of --binary.
COMMANDS = (
    "edgefuse transcribe tests/data/question-color.wav",
    f"edgefuse caption {PICTURE}",
    f"edgefuse ask {PICTURE} --audio tests/data/question-shape.wav",
    f"edgefuse fuse --image {PICTURE} --text 'what color is the shape?'",
    f"edgefuse match {PICTURE} --text 'a red circle' --text 'a blue rectangle'",
)
WIDTH, LINE, LEFT, TOP, SIZE, MOST_COLUMNS = 860, 20, 18, 52, 13, 104
GROUND, BAR, PROMPT, TYPED, PRINTED, NOTE = "#0d1117", "#161b22", "#3fb950", "#e6edf3", "#c9d1d9", "#7d8590"


def transcript(binary: Path, commands: tuple[str, ...] = COMMANDS) -> list[tuple[str, str]]:
    """Runs `commands`; returns each line of the terminal with its colour."""
    lines: list[tuple[str, str]] = []
    for command in commands:
        run = subprocess.run(
            [str(binary), *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            raise SystemExit(f"draw_terminal: `{command}` exited with code {run.returncode}: {run.stderr.strip()}")
        lines.append((TYPED, command))
        lines += [(PRINTED, line) for line in run.stdout.splitlines()]
        lines += [(NOTE, line) for line in run.stderr.splitlines()]
        lines.append((PRINTED, ""))
    return lines[:-1]


def draw(lines: list[tuple[str, str]], picture: bytes) -> str:
    """The lines as an SVG of a terminal window, with the input picture in its corner."""
    height = TOP + LINE * len(lines) + 10
    rows = []
    for number, (colour, line) in enumerate(lines):
        y = TOP + LINE * number
        prompt = f'<tspan fill="{PROMPT}">$ </tspan>' if colour == TYPED else ""
        text = line if len(line) <= MOST_COLUMNS else line[: MOST_COLUMNS - 1] + "…"
        rows.append(f'<text x="{LEFT}" y="{y}" fill="{colour}" xml:space="preserve">{prompt}{escape(text)}</text>')
    encoded = base64.b64encode(picture).decode()
    side = 96
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
            'role="img" aria-label="A terminal: edgefuse transcribes a question, captions a picture and answers">',
            f'<rect width="{WIDTH}" height="{height}" rx="8" fill="{GROUND}"/>',
            f'<path d="M0 30V8a8 8 0 0 1 8-8h{WIDTH - 16}a8 8 0 0 1 8 8v22z" fill="{BAR}"/>',
            *(
                f'<circle cx="{18 + 18 * at}" cy="15" r="5.5" fill="{colour}"/>'
                for at, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
            ),
            f'<image x="{WIDTH - side - 16}" y="44" width="{side}" height="{side}" '
            f'href="data:image/png;base64,{encoded}"/>',
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
    parser.add_argument("--out", type=Path, default=ROOT / "docs/terminal.svg", help="default: %(default)s")
    arguments = parser.parse_args()
    if not arguments.binary.is_file():
        print(f"draw_terminal: {arguments.binary} is missing; run `cargo build --release`", file=sys.stderr)
        return 1
    arguments.out.write_text(draw(transcript(arguments.binary), (ROOT / PICTURE).read_bytes()), encoding="utf-8")
    return 0
