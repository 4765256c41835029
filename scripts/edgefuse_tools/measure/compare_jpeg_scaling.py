"""How far decoding a JPEG at a fraction of its size would move the pixels that a model sees.

    python scripts/dev.py compare_jpeg_scaling PHOTO.jpg... [--input 384] [--resample bicubic]

The reference (Pillow, transformers) decodes every pixel and then resizes. A decoder that scales the blocks' coefficients
(1/2, 1/4, 1/8; here Pillow's `draft`, which is libjpeg's) needs a fraction of the memory, but filters differently. Prints,
for each factor that leaves at least the model's input, the largest and mean difference of the resized pixels, of 255.
Needs scripts/requirements/test.txt.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

FACTORS = (2, 4, 8)
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--input", type=int, default=384, help="width and height that the model sees (default: 384)")
    parser.add_argument("--resample", choices=FILTERS, default="bicubic")
    arguments = parser.parse_args()
    print("| photograph | size | decoded at | largest | mean |\n|---|---|---|---:|---:|")
    for path in arguments.photos:
        reference = resized(path, arguments.input, FILTERS[arguments.resample], 1)
        with Image.open(path) as image:
            width, height = image.size
        for factor in FACTORS:
            if min(width, height) < factor * arguments.input:
                break
            found = resized(path, arguments.input, FILTERS[arguments.resample], factor)
            difference = ImageStat.Stat(ImageChops.difference(reference, found))
            largest, mean = max(high for _, high in difference.extrema), sum(difference.mean) / 3
            print(f"| {path.name} | {width} x {height} | 1/{factor} | {largest} | {mean:.2f} |")


def resized(path: Path, side: int, resample: Image.Resampling, factor: int) -> Image.Image:
    """The pixels that a model sees of a photograph decoded at 1/`factor` of its size."""
    with Image.open(path) as image:
        if factor > 1:
            image.draft("RGB", (image.width // factor, image.height // factor))
        return image.convert("RGB").resize((side, side), resample)
