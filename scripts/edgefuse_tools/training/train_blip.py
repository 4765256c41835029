"""Trains the small easy-VQA BLIP (captioning, question answering, then matching, around one vision encoder).

Writes Hugging Face folders ``caption``, ``vqa`` and ``retrieval`` under --output. Run it again to resume an interrupted
run. Needs scripts/requirements/train.txt.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from edgefuse_tools import ROOT

# Waiting threads must not spin: on a busy two-core machine, spinning triples the time of a step.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch  # noqa: E402

from edgefuse_tools.easyvqa import dataset, download, tokenizer  # noqa: E402
from edgefuse_tools.easyvqa.dataset import Split  # noqa: E402
from edgefuse_tools.easyvqa.texts import TextEncoder  # noqa: E402
from edgefuse_tools.training.blip import folders, retrieval  # noqa: E402
from edgefuse_tools.training.blip.batches import Source  # noqa: E402
from edgefuse_tools.training.blip.evaluation import Examination  # noqa: E402
from edgefuse_tools.training.blip.model import JointBlip  # noqa: E402
from edgefuse_tools.training.blip.trainer import Stage, new_state, train  # noqa: E402
from edgefuse_tools.training.progress import Log  # noqa: E402

_HELD_OUT_FROM = 3600  # of the 4,000 train pictures, those from here on are for validation


def main() -> int:
    """Parses the command line, trains, and writes the folders."""
    arguments = _parser().parse_args()
    torch.set_num_threads(arguments.threads)
    log = Log(arguments.output / "training.log")
    part = dataset.load(download.ensure(arguments.data), "train")
    test = dataset.load(arguments.data, "test")
    encoder = TextEncoder(tokenizer.build())
    log(f"drawing {arguments.drawings} pictures")
    source = Source(arguments.seed, arguments.drawings, part.subset(0, _HELD_OUT_FROM).pictures, encoder)
    held_out = part.subset(_HELD_OUT_FROM, len(part.pictures))
    joint = _train_joint(arguments, source, held_out, test, encoder, log)
    _train_matching(arguments, joint, source, held_out, test, encoder, log)
    log(f"done: {arguments.output}/caption, {arguments.output}/vqa, {arguments.output}/retrieval")
    return 0


def _train_joint(
    arguments: argparse.Namespace, source: Source, held_out: Split, test: Split, encoder: TextEncoder, log: Log
) -> JointBlip:
    """Trains captioning and answering around one vision encoder; returns the averaged weights."""
    stages = [
        Stage(arguments.vision_steps, batch=128, per_picture=0, vision_rate=1e-3, text_rate=0.0),
        Stage(arguments.joint_steps, batch=64, per_picture=4, vision_rate=3e-4, text_rate=1e-3),
    ]
    state = new_state(arguments.seed)
    path = arguments.output / "state.pt"
    if path.exists():
        state.load(path)
    log(f"{state.model.parameter_count()} parameters; from step {state.step} of {sum(s.steps for s in stages)}")

    def checkpoint() -> None:
        state.save(path)
        folders.write(state.averaged, arguments.output)

    train(state, stages, source, Examination(held_out, encoder), arguments.every, log, checkpoint)
    _report(log, Examination(test, encoder).accuracies(state.averaged, with_answers=True))
    return state.averaged


def _train_matching(
    arguments: argparse.Namespace,
    joint: JointBlip,
    source: Source,
    held_out: Split,
    test: Split,
    encoder: TextEncoder,
    log: Log,
) -> None:
    """Trains matching around the vision encoder of ``joint``."""
    state = retrieval.new_state(joint, arguments.seed)
    path = arguments.output / "retrieval.pt"
    if path.exists():
        state.load(path)

    def checkpoint() -> None:
        state.save(path)
        folders.write_retrieval(state.averaged, arguments.output)

    stage = retrieval.Stage(arguments.retrieval_steps)
    retrieval.train(state, stage, source, encoder, held_out, arguments.seed, arguments.every, log, checkpoint)
    _report(log, retrieval.accuracies(state.averaged, encoder, test))


def _report(log: Log, figures: dict[str, float]) -> None:
    log("test " + " ".join(f"{name} {value:.4f}" for name, value in figures.items()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    build = ROOT / "build"
    parser.add_argument("--data", type=Path, default=build / "data" / "easy_vqa", help="fetched when absent")
    parser.add_argument("--output", type=Path, default=build / "checkpoints" / "blip-easyvqa")
    parser.add_argument("--drawings", type=int, default=60_000, help="number of drawn training pictures")
    parser.add_argument("--vision-steps", type=int, default=500)
    parser.add_argument("--joint-steps", type=int, default=2400)
    parser.add_argument(
        "--retrieval-steps", type=int, default=800, help="steps of matching, with the vision encoder frozen"
    )
    parser.add_argument("--every", type=int, default=100, help="steps between evaluations and checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser
