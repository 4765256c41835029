"""Measures ONNX Runtime's arena and memory patterns on the CPU, graph by graph, and prints a table for docs/devices.md.

    python scripts/dev.py compare_arenas [--rounds 3] [--repeat 10]

Runs `edgefuse bench` with a device file that changes one graph at a time; the other graphs keep the defaults. The
settings take turns, and the smallest value of each figure is kept, because other load on the machine only adds to it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from edgefuse_tools import ROOT

PROGRAM = ROOT / "target/release/edgefuse"
BASE = ROOT / "configs/cpu.yaml"
MIB = 1 << 20


@dataclass(frozen=True)
class Setting:
    """How a graph allocates its buffers."""

    arena: bool
    pattern: bool

    @property
    def title(self) -> str:
        """Column heading."""
        return f"{'arena' if self.arena else 'no arena'}, {'patterns' if self.pattern else 'no patterns'}"

    @property
    def keys(self) -> str:
        """The provider entry of a device file."""
        return f"cpu: {{arena: {str(self.arena).lower()}, memory_pattern: {str(self.pattern).lower()}}}"


@dataclass(frozen=True)
class Measured:
    """A graph, and the task in which it is measured."""

    model: str
    kind: str
    graph: str
    task: str


SETTINGS = [Setting(True, False), Setting(True, True), Setting(False, False), Setting(False, True)]
GRAPHS = [
    Measured("whisper-tiny.en", "whisper", "encoder", "transcribe"),
    Measured("whisper-tiny.en", "whisper", "decoder", "transcribe"),
    Measured("blip-easyvqa", "blip", "vision", "caption"),
    Measured("blip-easyvqa", "blip", "caption_decoder", "caption"),
    Measured("student", "student", "student", "fuse"),
    Measured("silero-vad", "vad", "vad", "vad"),
]


def main() -> int:
    """Measures all graphs and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of all measurements")
    parser.add_argument("--repeat", type=int, default=10, help="runs per measurement")
    options = parser.parse_args()
    best: dict[tuple[Measured, Setting], tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn, graph, setting in product(range(options.rounds), GRAPHS, SETTINGS):
            print(f"round {turn + 1}: {graph.model}/{graph.graph}: {setting.title}", file=sys.stderr)
            found = measure(Path(folder), graph, setting, options.repeat)
            known = best.get((graph, setting), found)
            best[graph, setting] = (min(found[0], known[0]), min(found[1], known[1]))
    print("| graph | " + " | ".join(setting.title for setting in SETTINGS) + " |")
    print("|---" * (len(SETTINGS) + 1) + "|")
    for graph in GRAPHS:
        cells = (best[graph, setting] for setting in SETTINGS)
        print(
            f"| {graph.model}, {graph.graph} | "
            + " | ".join(f"{ms:.1f} ms, {peak / MIB:.0f} MiB" for ms, peak in cells)
            + " |"
        )
    return 0


def measure(folder: Path, graph: Measured, setting: Setting, repeat: int) -> tuple[float, float]:
    """The shortest run in milliseconds, and the peak of the process in bytes."""
    device = folder / "device.yaml"
    device.write_text(
        f"device: arena\nextends: {BASE}\nruntime: {{library: {ROOT}/lib/libonnxruntime.so}}\n"
        f"models: {{{graph.kind}: {{execution_providers: {{{graph.graph}: [{setting.keys}], default: [cpu]}}}}}}\n"
    )
    command = [str(PROGRAM), "--quiet", "--format", "json", "--config", str(device), "bench", graph.kind]
    command += ["--cold", "0", "--repeat", str(repeat)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    line = next(line for line in map(json.loads, output.splitlines()) if line["task"] == graph.task)
    return line["warm"]["min_ms"], line["peak_bytes"]
