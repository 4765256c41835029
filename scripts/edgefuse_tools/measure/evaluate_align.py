"""Evaluates `edgefuse align` on films with known cuts, through the program; prints a table or JSON.

    python scripts/dev.py evaluate_align [--films 10] [--scenes 6] [--model photos] [--json]

A film shows photographs one after another, four to nine seconds each, all of different nouns that are classes of the
model (`evaluate_photos` describes their origin; they are downloaded into build/ and never committed). Each is drawn with
a fixed seed. Each film is made twice: silent, and with the caption of each photograph spoken by espeak-ng one second after
the cut. The text is the captions, one a line. Figures:

- boundaries: the share of starts and ends of sentences that are within one second of those of their photograph;
- parts: the mean share of a photograph's time that its sentence was given.

Needs a release build of edgefuse, ffmpeg, espeak-ng, and `apt-get` or the unpacked package in --stamps.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edgefuse_tools import ROOT, debian
from edgefuse_tools.export.check import newest_program
from edgefuse_tools.measure.evaluate_photos import Photograph, fetch, find_photographs, is_class

SEED = 1
SIDE = 320
FRAMES_PER_SECOND = 4
SHORTEST_S, LONGEST_S = 4.0, 9.0
SPOKEN_AFTER_S = 1.0
TOLERANCE_S = 1.0
KINDS = ("silent", "spoken")


@dataclass(frozen=True)
class Scene:
    photograph: Photograph
    start: float
    end: float

    @property
    def sentence(self) -> str:
        return f"A photograph of {article(self.photograph.noun)}."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=10, help="films of each kind (default: 10)")
    parser.add_argument("--scenes", type=int, default=6, help="photographs in a film (default: 6)")
    parser.add_argument("--model", default="photos", help="model that compares pictures and texts (default: photos)")
    parser.add_argument("--stamps", type=Path, help="folder into which the package was unpacked")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    program = newest_program()
    if program is None:
        raise SystemExit("no edgefuse in target/: cargo build --release")
    debian.program("ffmpeg")
    debian.program("espeak-ng")
    films = draw(find_photographs((options.stamps or fetch()).resolve()), options.films, options.scenes)
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            row = evaluate(program, options.model, kind, films, Path(folder))
        print(json.dumps(row) if options.json else line(row), flush=True)
    return 0


def draw(photographs: list[Photograph], films: int, scenes: int) -> list[list[Scene]]:
    """Films of photographs with different nouns."""
    chance = random.Random(SEED)
    by_noun = {it.noun: it for it in photographs if is_class(it.noun)}
    drawn = []
    for _ in range(films):
        at, film = 0.0, []
        for noun in chance.sample(sorted(by_noun), scenes):
            end = at + round(chance.uniform(SHORTEST_S, LONGEST_S) * FRAMES_PER_SECOND) / FRAMES_PER_SECOND
            film.append(Scene(by_noun[noun], at, end))
            at = end
        drawn.append(film)
    return drawn


def evaluate(program: Path, model: str, kind: str, films: list[list[Scene]], folder: Path) -> dict[str, object]:
    near: list[bool] = []
    shares: list[float] = []
    for film in films:
        path, text = folder / "film.mkv", folder / "script.txt"
        make(film, kind, path)
        text.write_text("".join(scene.sentence + "\n" for scene in film))
        command: list[str | Path] = [program, "--quiet", "--format", "json", "--config", ROOT / "configs/cpu.yaml"]
        command += ["align", "--model", model, path, text]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        parts = [json.loads(found) for found in done.stdout.splitlines()]
        found_of = {part["text"]: (float(part["start"]), float(part["end"])) for part in parts}
        for scene in film:
            start, end = found_of.get(scene.sentence, (float("inf"), float("-inf")))
            near += [abs(start - scene.start) <= TOLERANCE_S, abs(end - scene.end) <= TOLERANCE_S]
            shares.append(max(0.0, min(end, scene.end) - max(start, scene.start)) / (scene.end - scene.start))
    return {
        "films": kind,
        "sentences": len(shares),
        "boundaries_percent": round(100 * float(np.mean(near)), 1),
        "part_percent": round(100 * float(np.mean(shares)), 1),
    }


def make(film: list[Scene], kind: str, path: Path) -> None:
    """Encodes a film of one kind."""
    frames = b"".join(
        picture(scene.photograph.path) * round((scene.end - scene.start) * FRAMES_PER_SECOND) for scene in film
    )
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "rawvideo", "-pixel_format", "rgb24"]
    command += ["-video_size", f"{SIDE}x{SIDE}", "-framerate", str(FRAMES_PER_SECOND), "-i", "-"]
    if kind != "silent":
        sound = path.with_suffix(".wav")
        speak(film, sound)
        command += ["-i", str(sound), "-c:a", "flac"]
    command += ["-c:v", "mjpeg", "-q:v", "3", str(path)]
    subprocess.run(command, input=frames, check=True)


def picture(path: Path) -> bytes:
    """One frame: the photograph on white."""
    frame = Image.new("RGB", (SIDE, SIDE), "white")
    with Image.open(path) as image:
        shown = image.convert("RGBA")
    shown.thumbnail((SIDE, SIDE))
    frame.paste(shown, ((SIDE - shown.width) // 2, (SIDE - shown.height) // 2), shown)
    return frame.tobytes()


def speak(film: list[Scene], path: Path) -> None:
    """A recording as long as the film, in which each caption begins one second after its cut."""
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi"]
    command += ["-i", f"anullsrc=r=16000:cl=mono:d={film[-1].end}"]
    delays = []
    for index, scene in enumerate(film):
        spoken = path.with_name(f"{index}.wav")
        subprocess.run(["espeak-ng", "-s", "150", "-w", spoken, scene.sentence], check=True)
        command += ["-i", str(spoken)]
        delays.append(f"[{index + 1}]adelay={round(1000 * (scene.start + SPOKEN_AFTER_S))}[s{index}]")
    names = "".join(f"[s{index}]" for index in range(len(film)))
    mixed = f"[0]{names}amix=inputs={len(film) + 1}:normalize=0:duration=first[all]"
    command += ["-filter_complex", ";".join([*delays, mixed]), "-map", "[all]", "-ar", "16000", str(path)]
    subprocess.run(command, check=True)


def article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def line(row: dict[str, object]) -> str:
    return "  ".join(f"{name} {value}" for name, value in row.items())
