"""Binary inputs, packed as the targets in tests/fuzz/targets read them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

ELF_MACHINES = {"x86-64": 62, "aarch64": 183, "arm": 40}


def elf_headers() -> Iterator[tuple[str, bytes]]:
    for name, machine in ELF_MACHINES.items():
        yield name, b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, machine, 1) + bytes(40)


def npy_files() -> Iterator[tuple[str, bytes]]:
    for name, kind, shape, values in (
        ("float32", "<f4", "(2,)", struct.pack("<2f", 1.5, -2)),
        ("float64", "<f8", "(1, 2)", struct.pack("<2d", 1.5, -2)),
    ):
        header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        yield f"{name}-1", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values
        yield f"{name}-2", b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header + values


def speech_maps() -> Iterator[tuple[str, bytes]]:
    """A number of stretches, the gap before and the length of each, then pairs of times and a sample."""
    stretches = struct.pack("<B6H", 3, 3200, 16000, 0, 800, 48000, 32000)
    yield "three", stretches + struct.pack("<ddQ", 0.5, 1.2, 8000) + struct.pack("<ddQ", 2.9, 1e300, 2**64 - 1)
    yield "none", struct.pack("<BddQ", 0, 0.5, 1.2, 8000)


def stretches() -> Iterator[tuple[str, bytes]]:
    """Threshold, the one to fall below, shortest speech and silence, padding, longest speech, window; probabilities."""
    speech = bytes([0] * 20 + [250] * 40 + [100] * 4 + [250] * 60 + [0] * 90 + [200] * 50)
    yield "default", struct.pack("<BBHHHBH", 128, 90, 250, 2000, 400, 30, 65535) + speech
    yield "short", struct.pack("<BBHHHBH", 128, 255, 30, 100, 30, 1, 4000) + speech * 2


def _text(text: str) -> bytes:
    return bytes([len(text.encode())]) + text.encode()


def subtitles() -> Iterator[tuple[str, bytes]]:
    """Layout, then segments: kind (1: words, 2: any times, upper half: number of words), times, words, text."""
    plain = struct.pack("<BHH", 0, 100, 250) + _text(" Hello --> there.\n\n2")
    words = struct.pack("<BHH", 0x21, 300, 500)
    words += struct.pack("<HH", 300, 350) + _text(" <i>") + struct.pack("<HH", 360, 500) + _text(" &--")
    words += _text(" <i> &--")
    late = struct.pack("<Bdd", 2, 3.6e6, float("inf")) + _text("late")
    yield "plain", bytes([0, 0, 0, 0]) + plain + late
    yield "words", bytes([12, 2, 0, 0]) + words + words
    yield "highlighted", bytes([0, 0, 3, 1]) + words
