"""Makes a captioning BLIP at the size of BLIP base with random weights, as a model folder: for memory and time, not for captions.

Needs PyTorch and transformers (scripts/requirements/train.txt), and three times the space of the weights meanwhile.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from transformers import BlipConfig, BlipForConditionalGeneration

from export.blip import Checkpoints, export_blip
from export.graph import Dialect
from export.precision import Precision
from parity.blip_random import randomised, save

SEED = 20


def main() -> int:
    """Writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the model folder to write")
    parser.add_argument("--precision", type=Precision, choices=list(Precision), default=Precision.INT8)
    options = parser.parse_args()
    # transformers' defaults are the sizes of BLIP base.
    config = BlipConfig()
    with tempfile.TemporaryDirectory(dir=options.out.resolve().parent) as folder:
        checkpoint = Path(folder) / "checkpoint"
        save(randomised(BlipForConditionalGeneration(config), SEED), checkpoint)
        source = {
            "weights": "random, at the size of BLIP base",
            "origin": f"seed {SEED}",
            "license": "MIT OR Apache-2.0",
            "exporter": "scripts/make_blip_base.py",
        }
        export_blip(
            options.out,
            Checkpoints(caption=checkpoint),
            name="blip-base-random",
            source=source,
            dialect=Dialect.ORT,
            precisions=[options.precision],
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
