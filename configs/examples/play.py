#!/usr/bin/env python3
"""Plays files as a camera or a microphone would, for device files that run without either.

    play.py pictures [--fps 5] A.png B.jpg ...    the files, one after another, for ever
    play.py sound [--pause 3] A.wav B.wav ...     16-bit WAV files of one format in real time, with pauses, for ever

Both write to standard output, which a source reads with `exec:`. With --log, `sound` also writes when each file began: a
line with the seconds since the machine started, and the file.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import wave
from typing import BinaryIO

BLOCK_SECONDS = 0.05


def play_pictures(out: BinaryIO, paths: list[str], fps: float, once: bool) -> None:
    files = []
    for path in paths:
        with open(path, "rb") as file:
            files.append(file.read())
    due = time.monotonic()
    for content in files if once else itertools.cycle(files):
        out.write(content)
        out.flush()
        due += 1 / fps
        time.sleep(max(0.0, due - time.monotonic()))


def play_sound(out: BinaryIO, paths: list[str], pause: float, once: bool, log: str | None) -> None:
    recordings = []
    formats = set()
    for path in paths:
        with wave.open(path, "rb") as file:
            formats.add((file.getframerate(), file.getnchannels(), file.getsampwidth()))
            recordings.append((path, file.readframes(file.getnframes())))
    if len(formats) != 1 or next(iter(formats))[2] != 2:
        sys.exit("play.py: 16-bit files of one sample rate and number of channels are expected")
    rate, channels, width = formats.pop()
    unknown = 0xFFFFFFFF.to_bytes(4, "little")
    fields = [(16, 4), (1, 2), (channels, 2), (rate, 4), (rate * channels * width, 4), (channels * width, 2), (16, 2)]
    out.write(b"RIFF" + unknown + b"WAVEfmt " + b"".join(value.to_bytes(size, "little") for value, size in fields))
    out.write(b"data" + unknown)
    silence = bytes(int(pause * rate) * channels * width)
    block = int(BLOCK_SECONDS * rate) * channels * width
    due = time.monotonic()
    for path, recording in recordings if once else itertools.cycle(recordings):
        if log:
            begins = time.clock_gettime(time.CLOCK_BOOTTIME) + due - time.monotonic() + pause
            with open(log, "a", encoding="utf-8") as began:
                began.write(f"{begins:.3f} {path}\n")
        sound = silence + recording
        for start in range(0, len(sound), block):
            out.write(sound[start : start + block])
            out.flush()
            due += BLOCK_SECONDS
            time.sleep(max(0.0, due - time.monotonic()))
    if once:
        out.write(silence)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    pictures = kinds.add_parser("pictures")
    pictures.add_argument("--fps", type=float, default=5.0)
    sound = kinds.add_parser("sound")
    sound.add_argument("--pause", type=float, default=3.0)
    sound.add_argument("--log", metavar="FILE")
    for kind in (pictures, sound):
        kind.add_argument("--once", action="store_true", help="end after the last file")
        kind.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    try:
        if arguments.kind == "pictures":
            play_pictures(sys.stdout.buffer, arguments.files, arguments.fps, arguments.once)
        else:
            play_sound(sys.stdout.buffer, arguments.files, arguments.pause, arguments.once, arguments.log)
    except BrokenPipeError:
        sys.stderr.close()


if __name__ == "__main__":
    main()
