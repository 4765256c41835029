"""Exports BLIP with random weights at full size and compares it with transformers on photographs; prints a report.

    python scripts/dev.py verify_blip --size base     # small, base or large; needs scripts/requirements/fixtures.txt

Prints JSON for each task: whether greedy and 3-beam captions and answers are identical token for token, and match
probabilities and embeddings to three decimals; seconds and peak memory of the export; the largest difference.
`graphs` run in onnxruntime, with transformers' own beam search over them; `binary` is the program.
Exit code 1 if anything differs. base needs 8 GB of memory and 3 GB of disk per task, large 16 and 5.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
    BlipImageProcessorPil,
)

from edgefuse_tools import ROOT
from edgefuse_tools.parity import blip_binary, blip_random
from edgefuse_tools.parity.blip_export import run_exporter
from edgefuse_tools.parity.blip_onnx import OnnxBlip
from edgefuse_tools.parity.blip_reference import generate, graphs_in_place
from edgefuse_tools.parity.photographs import photographs

TOLERANCE = 1e-3
NEW_TOKENS = 20
BEAMS = 3
QUESTION = "what color is the circle?"
TEXTS = ("a red circle", "the blue shape is in the circle", "red")
KINDS = {
    "caption": BlipForConditionalGeneration,
    "vqa": BlipForQuestionAnswering,
    "retrieval": BlipForImageTextRetrieval,
}


def config(size: str) -> BlipConfig:
    """transformers' default configuration is BLIP base, except for the 12 heads of the text model in public
    checkpoints; large is ViT-L/16 with the same text model."""
    if size == "small":
        return blip_random.small_config()
    large = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    return BlipConfig(
        vision_config=large if size == "large" else {}, text_config={"num_attention_heads": 12, "vocab_size": 30524}
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["small", "base", "large"], default="small")
    parser.add_argument(
        "--task", choices=list(KINDS), action="append", help="repeat for more (default: all of the size)"
    )
    parser.add_argument("--dialect", choices=["ort", "standard"], default="ort")
    parser.add_argument("--pictures", type=int, default=4, help="maximum number of photographs (default: 4)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/edgefuse", help="the program")
    parser.add_argument("--work", type=Path, help="folder for checkpoints and model folders (default: a temporary one)")
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(args.threads)
    report: dict[str, Any] = {"size": args.size, "dialect": args.dialect, "transformers": transformers.__version__}
    # At large size, the text model cannot answer from the wider image states: all public VQA checkpoints are of base
    # size.
    tasks = args.task or (["caption", "retrieval"] if args.size == "large" else list(KINDS))
    for task in tasks:
        if args.work:
            args.work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="verify-blip-", dir=args.work) as folder:
            report[task] = Verification(task, Path(folder), args).report()
    report["identical"] = all(report[task]["identical"] for task in tasks)
    print(json.dumps(report, indent=1))
    return 0 if report["identical"] else 1


class Verification:
    """One task: the model with random weights, its export, and the photographs."""

    def __init__(self, task: str, folder: Path, args: argparse.Namespace) -> None:
        self.task, self.folder, self.args = task, folder, args
        model_config = config(args.size)
        spread = blip_random.evenly_spread(model_config)
        self.model = blip_random.randomised(KINDS[task](model_config), seed=1, **spread)
        blip_random.save(self.model, folder / "checkpoint")
        self.exported_in = run_exporter(task, folder / "checkpoint", folder / "onnx", args.dialect)
        self.graphs = OnnxBlip(folder / "onnx", args.threads)
        self.tokenizer = BertTokenizer.from_pretrained(folder / "checkpoint")
        pictures = dict(list(photographs().items())[: args.pictures])
        self.files = [folder / f"{name}.png" for name in pictures]
        for file, picture in zip(self.files, pictures.values()):
            picture.save(file)
        size = model_config.vision_config.image_size
        processor = BlipImageProcessorPil(size={"height": size, "width": size})
        self.pixels = processor([Image.open(file) for file in self.files], return_tensors="pt").pixel_values
        self.binary = args.binary if args.binary.is_file() else None
        self.new_binary = self.binary is not None and blip_binary.searches_with_beams(self.binary)

    @torch.no_grad()
    def report(self) -> dict[str, Any]:
        if self.task == "retrieval":
            found = self.matching()
        else:
            found = {f"beams_{beams}": self.texts(beams) for beams in (1, BEAMS)}
        difference = self.largest_difference()
        same = [value for part in found.values() for key, value in part.items() if key.endswith("identical")]
        identical = all(value is not False for value in same) and difference < TOLERANCE
        return (
            {"identical": identical, "largest_difference": difference, "pictures": len(self.files)}
            | self.exported_in
            | found
        )

    def texts(self, beams: int) -> dict[str, Any]:
        """Captions or answers of every picture."""
        options = {"max_new_tokens": NEW_TOKENS, "num_beams": beams}
        if self.task == "vqa":
            options["input_ids"] = torch.tensor([self.tokenizer(QUESTION).input_ids])
        role = "caption_decoder" if self.task == "caption" else "answer_decoder"
        expected, found = [], []
        for pixels in self.pixels.split(1):
            expected.append(generate(self.model, pixels, **options))
            with graphs_in_place(self.model, self.graphs, role, self.cross(pixels)):
                found.append(generate(self.model, pixels, use_cache=False, **options))
        texts = [self.tokenizer.decode(ids, skip_special_tokens=True) for ids, _ in expected]
        end = self.model.config.text_config.sep_token_id
        report = {
            "graphs_identical": [ids for ids, _ in found] == [ids for ids, _ in expected],
            "different_texts": len(set(texts)),
            "ended": sum(ids[-1] == end for ids, _ in expected),
            "lengths": [len(ids) for ids, _ in expected],
            "texts": texts[:2],
        }
        if self.binary is None or (beams > 1 and not self.new_binary):
            return report | {"binary_identical": None}
        step = {"max_tokens": NEW_TOKENS} | ({"beams": beams} if beams > 1 else {})
        results = self.run_binary({"caption" if self.task == "caption" else "ask": step})
        return report | {"binary_identical": [one["text"] for one in results] == texts}

    def matching(self) -> dict[str, Any]:
        """Probabilities and similarities of every picture with all texts."""
        batch = self.tokenizer(list(TEXTS), padding=True, return_tensors="pt")
        given = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        ids, mask = (tensor.numpy().astype(np.int64) for tensor in given.values())
        expected, graphs = [], []
        for pixels in self.pixels.split(1):
            logits = self.model(pixel_values=pixels.expand(len(TEXTS), -1, -1, -1), **given).itm_score
            scores = self.model(pixel_values=pixels, use_itm_head=False, **given).itm_score[0]
            expected.append(np.stack([logits.softmax(-1)[:, 1].numpy(), scores.numpy()]))
            vision = self.graphs.vision(pixels.numpy())
            found = torch.from_numpy(self.graphs.match(ids, mask, vision["image_embeds"])).softmax(-1)[:, 1].numpy()
            graphs.append(np.stack([found, self.graphs.embed(ids, mask) @ vision["image_embedding"][0]]))
        difference = np.abs(np.array(graphs) - np.array(expected)).max()
        report: dict[str, Any] = {
            "graphs_difference": float(difference),
            "graphs_identical": bool(difference < TOLERANCE),
        }
        report |= {"probabilities": np.array(expected)[:2, 0].round(4).tolist(), "binary_identical": None}
        if self.new_binary:
            results = self.run_binary({"match": {"texts": list(TEXTS)}})
            rows = [[[text[key] for text in one["texts"]] for key in ("probability", "similarity")] for one in results]
            difference = float(np.abs(np.array(rows) - np.array(expected)).max())
            report |= {"binary_difference": difference, "binary_identical": difference < TOLERANCE}
        return {"matching": report}

    def largest_difference(self) -> float:
        """Largest difference in the vision encoder's last hidden state, or, for captions, in the logits after the start
        token."""
        if self.task != "caption":
            found = self.graphs.vision(self.pixels.numpy())["image_embeds"]
            return float(np.abs(found - self.model.vision_model(self.pixels).last_hidden_state.numpy()).max())
        start = np.full((len(self.pixels), 1), self.graphs.description["tokens"]["start"], np.int64)
        logits, _ = self.graphs.step("caption_decoder", start, self.graphs.caption_cross(self.pixels.numpy()), None)
        reference = self.model(self.pixels, input_ids=torch.from_numpy(start)).logits[:, -1].numpy()
        return float(np.abs(logits - reference).max())

    def cross(self, pixels: torch.Tensor) -> dict[str, np.ndarray]:
        """The decoder's cross-attention inputs for one picture."""
        if self.task == "caption":
            return self.graphs.caption_cross(pixels.numpy())
        question = np.array([self.tokenizer(QUESTION).input_ids], np.int64)
        return self.graphs.question(question, self.graphs.vision(pixels.numpy())["image_embeds"])

    def run_binary(self, step: dict[str, Any]) -> list[dict[str, Any]]:
        assert self.binary is not None
        records = [{"image": str(file)} | ({"text": QUESTION} if "ask" in step else {}) for file in self.files]
        device = blip_binary.device_file(self.folder / "onnx", step, threads=self.args.threads)
        return blip_binary.run_records(self.binary, device, records)
