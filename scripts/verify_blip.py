"""Exports BLIP with random weights at full size and compares it with transformers on photographs; prints a report.

    python scripts/verify_blip.py --size base     # small, base or large; needs scripts/requirements/train.txt

JSON on stdout: seconds and peak memory of the export, the largest differences, and whether the tokens are identical.
Exit code 1 if they are not, or if a difference is above the tolerance. base wants 8 GB of memory, large 16 GB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForQuestionAnswering,
    BlipImageProcessorPil,
)

from parity import blip_random
from parity.blip_onnx import OnnxBlip

TOLERANCE = 1e-3
NEW_TOKENS = 20
EXPORTER = Path(__file__).with_name("export_blip.py")
PICTURES = Path(__file__).resolve().parent.parent / "tests/fixtures/blip"


def config(size: str) -> BlipConfig:
    """transformers' default configuration is BLIP base; large is ViT-L/16 with the same text model."""
    if size == "small":
        return blip_random.small_config()
    large = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    return BlipConfig(
        vision_config=large if size == "large" else {}, text_config={"num_attention_heads": 12, "vocab_size": 30524}
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["small", "base", "large"], default="small")
    parser.add_argument("--dialect", choices=["ort", "standard"], default="ort")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(args.threads)
    report: dict[str, Any] = {"size": args.size, "dialect": args.dialect, "transformers": transformers.__version__}
    # At large size the text model cannot answer from wider image states: public VQA checkpoints are all of base size.
    tasks = ["caption"] if args.size == "large" else ["caption", "vqa"]
    with tempfile.TemporaryDirectory(prefix="verify-blip-") as folder:
        for task in tasks:
            report[task] = verify(task, config(args.size), Path(folder), args.dialect, args.threads)
    report["identical"] = all(report[task]["identical"] for task in tasks)
    report["within_tolerance"] = all(report[task]["largest_difference"] < TOLERANCE for task in tasks)
    print(json.dumps(report, indent=1))
    return 0 if report["identical"] and report["within_tolerance"] else 1


def verify(task: str, model_config: BlipConfig, folder: Path, dialect: str, threads: int) -> dict[str, Any]:
    """One task's report; `folder` gets its checkpoint and its model folder."""
    kind = BlipForConditionalGeneration if task == "caption" else BlipForQuestionAnswering
    model = blip_random.randomised(kind(model_config), seed=1)
    checkpoint, out = folder / task, folder / f"{task}-onnx"
    blip_random.save(model, checkpoint)
    report = export(task, checkpoint, out, dialect)
    exported = OnnxBlip(out, threads)
    pixels = photographs(model_config.vision_config.image_size)
    if task == "caption":
        return report | compare_captions(model, exported, pixels)
    return report | compare_answers(model, exported, pixels)


def export(task: str, checkpoint: Path, out: Path, dialect: str) -> dict[str, Any]:
    """Runs the exporter as a process of its own."""
    command = [sys.executable, EXPORTER, f"--{task}", checkpoint, "--out", out, "--dialect", dialect]
    started = time.monotonic()
    process = subprocess.Popen(command)
    peak, peak_own = 0, 0
    while process.poll() is None:
        # Not the resource usage of the child: that counts the memory of this process, which it was forked from.
        memory = memory_of(process.pid)
        peak, peak_own = max(peak, memory.get("VmRSS", 0)), max(peak_own, memory.get("RssAnon", 0))
        time.sleep(0.01)
    if process.returncode != 0:
        raise SystemExit(f"the exporter failed with exit code {process.returncode}")
    weights = sum(path.stat().st_size for path in checkpoint.glob("*.safetensors"))
    return {
        "checkpoint_megabytes": round(weights / 1e6),
        "export_seconds": round(time.monotonic() - started, 1),
        "export_peak_megabytes": {"with_mapped_files": round(peak / 1e3), "own": round(peak_own / 1e3)},
    }


def memory_of(pid: int) -> dict[str, int]:
    """The memory lines of /proc/PID/status, in kB; empty when the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "kB" in value}


def photographs(size: int) -> torch.Tensor:
    """[pictures, 3, size, size]: the photographs of the fixtures, prepared by the reference."""
    processor = BlipImageProcessorPil(size={"height": size, "width": size})
    files = sorted(PICTURES.glob("photo-*.png"))
    return processor([Image.open(file) for file in files], return_tensors="pt").pixel_values


@torch.no_grad()
def compare_captions(model: BlipForConditionalGeneration, exported: OnnxBlip, pixels: torch.Tensor) -> dict[str, Any]:
    """Greedy captions of every picture, the first logits, and the times of one picture alone."""
    expected, reference_seconds = timed(lambda: [generate(model, picture) for picture in pixels.split(1)])
    exported.caption(pixels[:1].numpy(), 1)  # opens the graphs
    found, seconds = timed(lambda: [exported.caption(p.numpy(), NEW_TOKENS)[0] for p in pixels.split(1)])
    cross = exported.vision(pixels.numpy())
    start = np.full((len(pixels), 1), exported.description["tokens"]["start"], np.int64)
    logits, _ = exported.step("caption_decoder", start, cross, None)
    reference = model(pixels, input_ids=torch.from_numpy(start)).logits[:, -1].numpy()
    return compared(expected, found, np.abs(logits - reference).max(), reference_seconds, seconds)


@torch.no_grad()
def compare_answers(model: BlipForQuestionAnswering, exported: OnnxBlip, pixels: torch.Tensor) -> dict[str, Any]:
    """Greedy answers to one question about every picture, image_embeds, and the times of one picture alone."""
    classify, end = exported.description["tokens"]["classify"], exported.description["tokens"]["end"]
    question = torch.tensor([[classify, *range(5, 12), end]])
    expected, reference_seconds = timed(
        lambda: [generate(model, picture, input_ids=question) for picture in pixels.split(1)]
    )
    exported.answer(pixels[:1].numpy(), question.numpy(), 1)  # opens the graphs
    found, seconds = timed(
        lambda: [exported.answer(p.numpy(), question.numpy(), NEW_TOKENS)[0] for p in pixels.split(1)]
    )
    embeds = exported.vision(pixels.numpy())["image_embeds"]
    reference = model.vision_model(pixels).last_hidden_state.numpy()
    return compared(expected, found, np.abs(embeds - reference).max(), reference_seconds, seconds)


def generate(model: Any, picture: torch.Tensor, **inputs: torch.Tensor) -> list[int]:
    """Token ids of one picture [1, 3, size, size], greedily."""
    return model.generate(pixel_values=picture, max_new_tokens=NEW_TOKENS, do_sample=False, **inputs)[0].tolist()


def timed(work: Any) -> tuple[list[list[int]], float]:
    started = time.monotonic()
    return work(), time.monotonic() - started


def compared(
    expected: list[list[int]], found: list[list[int]], difference: float, reference_seconds: float, seconds: float
) -> dict[str, Any]:
    return {
        "pictures": len(expected),
        "identical": expected == found,
        "largest_difference": float(difference),
        "seconds_a_picture": {
            "transformers": round(reference_seconds / len(expected), 2),
            "onnxruntime": round(seconds / len(expected), 2),
        },
    }


if __name__ == "__main__":
    sys.exit(main())
