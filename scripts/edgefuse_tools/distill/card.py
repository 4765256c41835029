"""The model card of a student: its data, its architecture and its measured accuracy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgefuse_tools.distill.examples import Examples
from edgefuse_tools.distill.measure import Figures

_LISTED = 40  # labels


@dataclass(frozen=True)
class Facts:
    """Facts for the card, besides the examples and the figures."""

    name: str
    architecture: str
    parameters: int
    bytes: int
    seed: int
    trained: int
    held_out: int
    temperature: str
    encoders: Sequence[str]
    teacher: str | None
    agreement: float | None
    command: str


def write(
    facts: Facts,
    examples: Examples,
    labels: Sequence[str],
    figures: Mapping[str, Mapping[str, Figures]],
    unmeasured: str | None,
) -> str:
    """Returns the card as Markdown. ``figures``: by part of the data, by set of modalities; ``unmeasured``: why there
    are none."""
    lines = [
        f"# {facts.name}",
        "",
        f"A student that answers with one of {len(labels)} labels from {_list(examples.modalities)}, each optional. "
        "Made by `scripts/distill.py`; it knows only what its training records show.",
        "",
        f"    {facts.command}",
        "",
        "## Data",
        "",
        f"- {len(examples.records)} records: {facts.trained} to train on, {facts.held_out} held out (seed {facts.seed})",
        *(f"- {name}: {_have(examples, name)} records" for name in examples.modalities),
        f"- labels: {_labels(examples, labels)}",
        _teacher(facts),
        "",
        "## Model",
        "",
        f"- {facts.architecture}, {facts.parameters:,} parameters, {facts.bytes / 1e6:.2f} MB",
        *(f"- sees through an encoder: {it}" for it in facts.encoders),
        f"- its logits are divided by {facts.temperature}, fitted on the held-out records, so that confidence equals accuracy",
        "",
        "![Loss and accuracy during training](training.svg)",
        "",
        "## Measured",
        "",
    ]
    if unmeasured is not None:
        return "\n".join([*lines, f"Not measured: {unmeasured}", ""])
    lines += ["Through the `edgefuse` binary, one thread, on the machine that made the folder.", ""]
    if "test" not in figures:
        lines += [
            "The held-out records also chose the model and its temperature; pass `--test` records for an independent figure.",
            "",
        ]
    lines += [
        "| records | given | number | accuracy | calibration error | ms per record |",
        "|---|---|---|---|---|---|",
    ]
    for part, sets in figures.items():
        for given, it in sets.items():
            lines.append(
                f"| {part} | {given} | {it.count} | {it.accuracy:.1%} | {it.calibration_error:.3f} | {it.milliseconds:.2f} |"
            )
    lines += ["", "Calibration error: expected calibration error over 15 bins of confidence.", ""]
    return "\n".join(lines)


def _teacher(facts: Facts) -> str:
    if facts.teacher is None:
        return "- no teacher: labels only"
    agrees = "" if facts.agreement is None else f"; its first answer is the label in {facts.agreement:.1%} of them"
    return f"- teacher: {facts.teacher}{agrees}"


def _labels(examples: Examples, labels: Sequence[str]) -> str:
    counts = Counter(examples.labels.tolist())
    listed = [f"{label} {counts[index]}" for index, label in enumerate(labels[:_LISTED])]
    listed += ["..."] if len(labels) > _LISTED else []
    return ", ".join(listed) + (f", none {counts[-1]}" if counts[-1] else "")


def _have(examples: Examples, name: str) -> int:
    return sum(record.has(name) for record in examples.records)


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
