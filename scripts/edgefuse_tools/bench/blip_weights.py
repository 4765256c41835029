"""BLIP base with seeded random weights, as a checkpoint and as edgefuse's model folder, created once in the work
folder.

    python -m edgefuse_tools.bench.blip_weights caption TARGET

The time of a matrix product does not depend on its values, so public weights need not be downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from edgefuse_tools.bench import paths
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.paths import shown
from edgefuse_tools.bench.process import last_line

TASKS = ("caption", "vqa")
PRECISIONS = ("fp32", "int8", "q8")
NEVER = -1000.0
"""Added to the end token's logit, so that every engine writes the maximum number of tokens."""


def weights(task: str) -> Path:
    """A folder with `checkpoint` and `onnx`, created if missing. Takes a few GB of memory and of disk."""
    target = paths.WORK / "models" / "blip-base" / task
    if target.exists():
        return target
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    print(f"bench: creating {shown(target)}", file=sys.stderr, flush=True)
    # In a separate process, so that its memory does not count as the benchmark's.
    command = [sys.executable, "-m", "edgefuse_tools.bench.blip_weights", task, str(draft)]
    made = subprocess.run(
        command, cwd=paths.SCRIPTS, env=dict(os.environ), capture_output=True, text=True, errors="replace", check=False
    )
    if made.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise BenchError(f"blip-base, {task}: cannot be created: {last_line(made.stderr)}")
    draft.rename(target)
    return target


def main(task: str, target: Path) -> None:
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipForQuestionAnswering

    from edgefuse_tools.parity import blip_random
    from edgefuse_tools.parity.blip_export import run_exporter

    kind = {"caption": BlipForConditionalGeneration, "vqa": BlipForQuestionAnswering}[task]
    config = BlipConfig(vision_config={}, text_config={"num_attention_heads": 12, "vocab_size": 30524})
    spread = blip_random.evenly_spread(config) | {"end_bias": NEVER}
    model = blip_random.randomised(kind(config), seed=1, **spread)
    blip_random.save(model, target / "checkpoint")
    run_exporter(task, target / "checkpoint", target / "onnx", "ort", *PRECISIONS)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
