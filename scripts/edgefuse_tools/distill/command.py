"""Trains a small fused student from a manifest of records, by distillation from a teacher or from labels alone.

A line of the manifest is {"image": "a.png", "audio": "a.wav", "text": "...", "sensors": {"NAME": 1.5}, "label": "cat"},
each key optional; relative paths start from its folder. With --image-encoder and its likes, the student sees pictures,
texts and sounds through the features of other models (docs/models/encoders.md), which are computed once, and which
edgefuse computes when it runs the student. With --teacher-config, the models of that device file see each
record's picture and return the probability of each label. The result is a model folder for `edgefuse fuse --model OUT`,
with a card.

To resume an interrupted run, run it again. Needs scripts/requirements/train.txt.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

from edgefuse_tools import ROOT

# Waiting threads must not spin: on a busy machine, spinning triples the time of a step.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np  # noqa: E402
import torch  # noqa: E402

from edgefuse_tools.distill import calibration, card, curves, manifest, teacher  # noqa: E402
from edgefuse_tools.distill.binary import Binary, BinaryError  # noqa: E402
from edgefuse_tools.distill.encoder import ROLES, Encoder, EncoderError  # noqa: E402
from edgefuse_tools.distill.examples import Examples, Feed, forms_of  # noqa: E402
from edgefuse_tools.distill.features import features_of  # noqa: E402
from edgefuse_tools.distill.measure import Figures, measure  # noqa: E402
from edgefuse_tools.distill.training import Learner, Settings, Trainer, fingerprint, split  # noqa: E402
from edgefuse_tools.export.errors import ExportError  # noqa: E402
from edgefuse_tools.student.forms import Interface  # noqa: E402
from edgefuse_tools.student.fusion import ARCHITECTURES, FusionModel, Widths  # noqa: E402
from edgefuse_tools.student.model_folder import write_model  # noqa: E402
from edgefuse_tools.training.progress import Log  # noqa: E402

_WRONG_INPUT = 2  # exit code
_FAILED = 1


def main() -> int:
    """Parses the command line, checks the input, then trains and writes the folder."""
    parser = _parser()
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: PyTorch sees no CUDA device here")
    try:
        _distil(arguments, device)
    except (manifest.ManifestError, ExportError, EncoderError) as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return _WRONG_INPUT
    except BinaryError as error:
        print(f"error: {error}", file=sys.stderr)
        return _FAILED
    return 0


def _distil(arguments: argparse.Namespace, device: torch.device) -> None:
    labels = manifest.read_labels(arguments.labels)
    taught = arguments.teacher_config is not None
    records = manifest.read(arguments.manifest, labels, taught)
    manifest.check_learnable(records, labels)
    tested = manifest.read(arguments.test, labels, False, records.sensors or None) if arguments.test else None
    _check_output(arguments.out)
    encoders = _encoders(arguments, records)

    work = arguments.work or arguments.out.with_name(f".{arguments.out.name}.work")
    work.mkdir(parents=True, exist_ok=True)
    log = Log(work / "training.log")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    log(f"{len(records.records)} records with {', '.join(records.modalities())}; {len(labels)} labels")

    def read(given: manifest.Manifest) -> Examples:
        vectors = features_of(given, encoders, work / "features", arguments.threads, log)
        return Examples(given, arguments.image_size, log, vectors)

    examples = read(records)
    soft = _soft_labels(arguments, records, labels, work, log)
    nobody = np.flatnonzero((examples.labels < 0) & ~np.isfinite(soft[:, 0]))
    if len(nobody):
        lines = [
            f"{records.path}:{examples.records[row].line}: no label, and none from the teacher"
            for row in nobody.tolist()
        ]
        raise manifest.ManifestError(lines)

    answers = set(np.where(examples.labels >= 0, examples.labels, np.nan_to_num(soft, nan=-np.inf).argmax(axis=1)))
    if len(answers) == 1:
        only = labels[answers.pop()]
        raise manifest.ManifestError(
            [f"{records.path}: the teacher answers `{only}` to everything; there is nothing to distinguish"]
        )

    settings = Settings(
        seed=arguments.seed,
        epochs=arguments.epochs,
        batch=arguments.batch,
        rate=arguments.rate,
        temperature=arguments.temperature,
        teacher_weight=arguments.teacher_weight,
        contrastive_weight=arguments.contrastive_weight,
        modality_dropout=arguments.modality_dropout,
        patience=arguments.patience,
    )
    encoded = {modality: encoder.form(arguments.out) for modality, encoder in encoders.items()}
    forms = forms_of(examples, arguments.image_size, dict(arguments.unit), encoded)
    interface = Interface(forms, labels, arguments.hidden)
    model = ARCHITECTURES[arguments.architecture](interface, _widths(arguments))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    run = work / "run"
    _keep_only(
        run, fingerprint(settings, arguments.architecture, interface.details(), examples.records, soft.tobytes().hex())
    )
    rows, held_out = split(examples, arguments.held_out, arguments.seed)
    trainer = Trainer(Learner(model), Feed(forms, len(labels)), examples, soft, (rows, held_out), settings, device)
    log(f"{parameters} parameters; {len(rows)} records to train on, {len(held_out)} held out")
    best = trainer.run(run, log)

    truth = trainer.targets(held_out)
    temperature = _calibrate(trainer, best, examples.presence, held_out, truth)
    divisor = calibration.described(temperature, examples.modalities)
    source = {
        "weights": f"{arguments.out.name}, {'distilled from a teacher' if taught else 'trained on labels'}",
        "origin": f"trained by scripts/distill.py on {arguments.manifest.name}",
        "license": arguments.license,
        "exporter": "scripts/distill.py",
    }
    calibrated = calibration.Calibrated(best.cpu(), temperature)
    write_model(calibrated, interface, arguments.out, source, extras={"training.svg": curves.draw(trainer.history)})
    log(f"wrote {arguments.out}; its logits are divided by {divisor}")

    figures, unmeasured = _measure(
        arguments, examples, held_out, truth, None if tested is None else read(tested), labels, log
    )
    facts = card.Facts(
        name=arguments.out.name,
        architecture=type(best).__name__,
        parameters=parameters,
        bytes=sum(file.stat().st_size for file in arguments.out.iterdir() if file.suffix in (".onnx", ".json")),
        seed=arguments.seed,
        trained=len(rows),
        held_out=len(held_out),
        temperature=divisor,
        encoders=[f"{encoder.modality}: {encoder.description['name']}" for encoder in encoders.values()],
        teacher=str(arguments.teacher_config) if taught else None,
        agreement=teacher.agreement(soft, examples.labels),
        command=shlex.join(["python", "scripts/distill.py", *sys.argv[1:]]),
    )
    text = card.write(facts, examples, labels, figures, unmeasured)
    (arguments.out / "README.md").write_text(text, encoding="utf-8")
    log(f"done: {arguments.out}; see its card, {arguments.out / 'README.md'}")


def _encoders(arguments: argparse.Namespace, records: manifest.Manifest) -> dict[str, Encoder]:
    """The encoders by modality, each of which at least one record has."""
    named = {modality: getattr(arguments, f"{modality}_encoder") for modality in ROLES}
    encoders = {modality: Encoder.read(folder, modality) for modality, folder in named.items() if folder is not None}
    for modality in encoders:
        if modality not in records.modalities():
            raise EncoderError(f"--{modality}-encoder: no record of {records.path} has `{modality}`")
    return encoders


def _widths(arguments: argparse.Namespace) -> Widths:
    if arguments.hidden % arguments.heads:
        raise EncoderError(f"--hidden {arguments.hidden}: is not a multiple of --heads {arguments.heads}")
    return Widths(
        heads=arguments.heads,
        feed_forward=2 * arguments.hidden,
        own_layers=arguments.own_layers,
        fused_layers=arguments.fused_layers,
    )


def _soft_labels(
    arguments: argparse.Namespace, records: manifest.Manifest, labels: list[str], work: Path, log: Log
) -> np.ndarray:
    if arguments.teacher_config is None:
        return np.full((len(records.records), len(labels)), np.nan, dtype=np.float32)
    binary = Binary(arguments.binary, arguments.teacher_config)
    return teacher.soft_labels(binary, records, labels, arguments.question, work, log)


def _measure(
    arguments: argparse.Namespace,
    examples: Examples,
    held_out: np.ndarray,
    truth: np.ndarray,
    others: Examples | None,
    labels: list[str],
    log: Log,
) -> tuple[dict[str, dict[str, Figures]], str | None]:
    """Figures measured through the binary, or why there are none."""
    binary = Binary(arguments.binary, arguments.config)
    if not arguments.binary.is_file():
        return {}, f"{arguments.binary} is missing (cargo build --release)"
    figures = {"held out": measure(binary, arguments.out, examples, held_out, truth, labels)}
    if others is not None:
        every = np.arange(len(others.records))
        figures["test"] = measure(binary, arguments.out, others, every, others.labels, labels)
    for part, sets in figures.items():
        for given, it in sets.items():
            line = f"accuracy {it.accuracy:.4f} calibration error {it.calibration_error:.4f} {it.milliseconds:.2f} ms"
            log(f"{part}: {given}: {line}")
    return figures, None


def _calibrate(
    trainer: Trainer, model: FusionModel, presence: np.ndarray, rows: np.ndarray, truth: np.ndarray
) -> calibration.Temperature:
    """Fits the temperature on the held-out ``rows`` with all their modalities, with some of them, and with each one
    alone."""
    own = presence[rows]
    sets = [own, trainer.weakened(rows), *(own * column for column in np.eye(own.shape[1], dtype=np.float32))]
    shown = [(chosen, np.flatnonzero(chosen.any(axis=1))) for chosen in sets]
    logits = [trainer.logits(model, rows[kept], chosen[kept]) for chosen, kept in shown]
    given = [chosen[kept] for chosen, kept in shown]
    return calibration.fit(
        np.concatenate(logits), np.concatenate(given), np.concatenate([truth[kept] for _, kept in shown])
    )


def _check_output(out: Path) -> None:
    """Checks the output folder before hours of training, not after."""
    if out.is_dir() and any(out.iterdir()) and not (out / "model.yaml").is_file():
        raise ExportError(f"{out}: neither empty nor a model folder, so it is not replaced")
    if out.exists() and not out.is_dir():
        raise ExportError(f"{out}: exists and is not a folder")


def _keep_only(run: Path, about: str) -> None:
    """Deletes the checkpoints in ``run`` unless they belong to this run."""
    identity = run / "about.json"
    if identity.is_file() and identity.read_text(encoding="utf-8") == about:
        return
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    identity.write_text(about, encoding="utf-8")


def _unit(text: str) -> tuple[str, str]:
    name, separator, unit = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError(f"{text}: expected NAME=UNIT, such as temperature=°C")
    return name, unit


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0 to 1")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    required = parser.add_argument_group("data")
    required.add_argument("--manifest", type=Path, required=True, help="the records, JSONL")
    required.add_argument(
        "--labels", type=Path, required=True, help="file with one label per line, in the order of the logits"
    )
    required.add_argument("--out", type=Path, required=True, help="model folder to write")
    required.add_argument("--test", type=Path, help="manifest of records used only for measuring")
    teaching = parser.add_argument_group("the teacher")
    teaching.add_argument(
        "--teacher-config", type=Path, help="device file of the teacher's models (default: no teacher, labels alone)"
    )
    teaching.add_argument("--question", help="question about every picture (default: each record's text or audio)")
    teaching.add_argument("--temperature", type=float, default=2.0, help="distillation temperature")
    teaching.add_argument(
        "--teacher-weight", type=_share, default=0.7, help="weight of the distillation loss; the labels have the rest"
    )
    shape = parser.add_argument_group("the student")
    shape.add_argument("--architecture", choices=sorted(ARCHITECTURES), default="shared")
    shape.add_argument("--hidden", type=_count, default=64, help="length of the embeddings, a multiple of --heads")
    shape.add_argument("--heads", type=_count, default=4, help="of attention")
    shape.add_argument("--own-layers", type=_count, default=1, help="layers over each modality's own tokens")
    shape.add_argument("--fused-layers", type=_count, default=2, help="layers over the tokens of all modalities")
    for modality, role in ROLES.items():
        shape.add_argument(
            f"--{modality}-encoder", type=Path, help=f"folder of the encoder that sees each {role}", metavar="FOLDER"
        )
    shape.add_argument("--image-size", type=_count, default=64, help="side to which pictures are resized, in pixels")
    shape.add_argument("--unit", type=_unit, action="append", default=[], help="unit of a sensor", metavar="NAME=UNIT")
    shape.add_argument("--license", default="not stated", help="for model.yaml")
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=_count, default=40)
    training.add_argument("--batch", type=_count, default=32, help="records a step")
    training.add_argument("--rate", type=float, default=1e-3, help="the highest learning rate")
    training.add_argument(
        "--contrastive-weight", type=float, default=0.1, help="weight of the alignment of modalities; 0 for none"
    )
    training.add_argument(
        "--modality-dropout", type=_share, default=0.5, help="probability that a record loses modalities"
    )
    training.add_argument("--held-out", type=_share, default=0.15, help="share of the records used for validation")
    training.add_argument("--patience", type=_count, default=8, help="epochs without improvement before training stops")
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    training.add_argument("--threads", type=_count, default=2, help="of PyTorch")
    machine = parser.add_argument_group("the runtime")
    machine.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "edgefuse")
    machine.add_argument("--config", type=Path, default=ROOT / "configs" / "cpu.yaml", help="device file for measuring")
    machine.add_argument("--work", type=Path, help="folder for caches and checkpoints [default: .NAME.work beside OUT]")
    return parser
