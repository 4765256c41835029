"""Trains the student by distillation from the small easy-VQA BLIP, and writes its model folder.

Needs scripts/requirements/train.txt, the checkpoint of train_blip, the release build, which runs the teacher, and
espeak-ng for the spoken questions. Run it again to resume. Three stages: picture and typed question; then mostly
listening, with the text branch as the audio branch's teacher; then every set of modalities.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from edgefuse_tools import ROOT

# Waiting threads must not spin: on a busy two-core machine, spinning triples the time of a step.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch  # noqa: E402

from edgefuse_tools.distill.binary import Binary, BinaryError  # noqa: E402
from edgefuse_tools.distill.picture_teacher import PictureTeacher  # noqa: E402
from edgefuse_tools.easyvqa import dataset, download, tokenizer  # noqa: E402
from edgefuse_tools.easyvqa.labels import ANSWERS  # noqa: E402
from edgefuse_tools.easyvqa.texts import TextEncoder  # noqa: E402
from edgefuse_tools.student import color_sensor  # noqa: E402
from edgefuse_tools.student.ablations import Ablation  # noqa: E402
from edgefuse_tools.student.evaluation import Examination  # noqa: E402
from edgefuse_tools.student.forms import Readings, Sensor  # noqa: E402
from edgefuse_tools.student.inherit import inherit  # noqa: E402
from edgefuse_tools.student.lessons import EVERY_SUBSET, TYPED, Lessons  # noqa: E402
from edgefuse_tools.student.model import Sizes, begin_with  # noqa: E402
from edgefuse_tools.student.model_folder import write  # noqa: E402
from edgefuse_tools.student.speech import Speech, render  # noqa: E402
from edgefuse_tools.student.trainer import Learner, Stage, train  # noqa: E402
from edgefuse_tools.student.voices import Part  # noqa: E402
from edgefuse_tools.training.progress import Log  # noqa: E402
from edgefuse_tools.training.state import TrainingState  # noqa: E402

#: The student's inputs are the raw readings.
_SENSORS = Readings(tuple(Sensor(name, "of full scale", mean=0.0, std=1.0) for name in color_sensor.READINGS))
_HELD_OUT_FROM = 3600  # of the 4,000 train pictures, those from here on are not trained on
_HELD_OUT_UNTIL = 3660  # and those up to here are for validation

_DECAY = 0.995  # of the averaged weights, per step


def main() -> int:
    """Parses the command line, trains, and writes the model folder."""
    parser = _parser()
    arguments = parser.parse_args()
    if not (arguments.inherit / "config.json").is_file():
        parser.error(f"{arguments.inherit}: no BLIP checkpoint; run scripts/dev.py train_blip first")
    if not arguments.binary.is_file():
        parser.error(f"{arguments.binary}: no such program, which runs the teacher; run cargo build --release")
    if not (arguments.speech / "train.npz").is_file() and shutil.which("espeak-ng") is None:
        parser.error("espeak-ng, which speaks the questions, is not installed: apt-get install espeak-ng")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    log = Log(arguments.checkpoint / "training.log")
    part = dataset.load(download.ensure(arguments.data), "train")
    encoder = TextEncoder(tokenizer.build())
    heard = _speech(arguments, Part.TRAIN, arguments.voices, log)
    unheard = _speech(arguments, Part.VALIDATION, arguments.validation_voices, log)
    teacher = PictureTeacher(Binary(arguments.binary, arguments.teacher_config), ANSWERS, log)
    ablation = Ablation(arguments.without)
    student = ablation.student(Sizes(vocabulary=len(tokenizer.vocabulary()), answers=len(ANSWERS)))
    inherit(student, arguments.inherit)
    path = arguments.checkpoint / "state.pt"
    if arguments.start is not None:
        earlier = torch.load(arguments.start, weights_only=True)["averaged"]
        begin_with(student, {name.removeprefix("student."): weight for name, weight in earlier.items()})
    learner = Learner(student, ablation.weights())
    state = TrainingState(learner, learner.groups(), _DECAY)
    if path.exists():
        state.load(path)
    typed = arguments.typed_steps
    stages = [
        Stage(typed, 32, 0, TYPED, easy_steps=typed * 3 // 5, rate=1e-3, shared_rate=1e-3),
        Stage(arguments.listening_steps, 3, 112, EVERY_SUBSET, easy_steps=0, rate=1.5e-3, shared_rate=5e-4),
        Stage(arguments.mixed_steps, 8, 72, EVERY_SUBSET, easy_steps=0, rate=1.2e-3, shared_rate=4e-4),
    ]
    log(f"{sum(p.numel() for p in student.parameters())} parameters; from step {state.step}")
    real = part.subset(0, _HELD_OUT_FROM)
    try:
        lessons = Lessons(arguments.seed, arguments.drawings, real, encoder, heard, teacher, arguments.checkpoint, log)
    except BinaryError as error:
        parser.error(f"cannot run the teacher: {error}")
    examination = Examination(part.subset(_HELD_OUT_FROM, _HELD_OUT_UNTIL), encoder, unheard, arguments.seed)
    train(state, stages, lessons, examination, arguments.every, log, lambda: state.save(path))
    write(state.averaged.student, arguments.output, _SENSORS, arguments.logit_temperature)
    log(f"done: {arguments.output}")
    return 0


def _speech(arguments: argparse.Namespace, part: Part, each: int, report: Callable[[str], None]) -> Speech:
    """The recordings of ``part``, created if missing."""
    path = arguments.speech / f"{part.value}.npz"
    if not path.exists():
        render(arguments.seed, part, each, arguments.threads, report).save(path)
    return Speech.load(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    build = ROOT / "build"
    parser.add_argument("--data", type=Path, default=build / "data" / "easy_vqa", help="fetched when absent")
    parser.add_argument("--speech", type=Path, default=build / "data" / "speech", help="rendered when absent")
    parser.add_argument("--inherit", type=Path, default=build / "checkpoints" / "blip-easyvqa" / "vqa")
    parser.add_argument(
        "--teacher-config", type=Path, default=ROOT / "configs" / "cpu.yaml", help="device file of the teacher"
    )
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "edgefuse")
    parser.add_argument("--checkpoint", type=Path, default=build / "checkpoints" / "student")
    parser.add_argument("--output", type=Path, default=ROOT / "onnx" / "student")
    parser.add_argument("--drawings", type=int, default=16_000, help="number of drawn training pictures")
    parser.add_argument("--voices", type=int, default=160, help="training recordings per text")
    parser.add_argument("--validation-voices", type=int, default=3, help="validation recordings per text")
    parser.add_argument("--start", type=Path, help="state.pt of an earlier student for the initial weights")
    parser.add_argument(
        "--without",
        choices=[ablation.value for ablation in Ablation],
        default=Ablation.NOTHING.value,
        help="omit one idea, to measure its value (scripts/dev.py ablate_student)",
    )
    parser.add_argument("--typed-steps", type=int, default=1500, help="steps with picture and typed question only")
    parser.add_argument("--listening-steps", type=int, default=1100, help="with mostly recordings")
    parser.add_argument("--mixed-steps", type=int, default=10_050, help="steps with every set of modalities")
    parser.add_argument("--logit-temperature", type=float, default=1.0, help="divisor of the exported logits")
    parser.add_argument("--every", type=int, default=150, help="steps between evaluations and checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser
