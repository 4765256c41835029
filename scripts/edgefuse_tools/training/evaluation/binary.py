"""Runs the edgefuse binary over many records at a time."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]

_DEVICE = """\
device: evaluation
runtime: {{library: {root}/lib/libonnxruntime.so, threads: {{intra: {threads}, spinning: true}}, on_missing_provider: error}}
models:
  blip: {{path: {root}/onnx/blip-easyvqa}}
  whisper: {{path: {root}/onnx/whisper-tiny.en, precision: q8}}
  student: {{path: {student}}}
pipeline:
{steps}"""


@dataclass(frozen=True)
class Binary:
    """Paths of the program and its models.

    root: the checkout with ``lib`` and ``onnx``
    kept: folder of results, for resuming an interrupted evaluation; a change of models or steps starts over
    """

    program: Path
    root: Path
    student: Path
    threads: int
    kept: Path

    def run(self, name: str, records: list[Line], steps: list[str]) -> list[Line]:
        """Result lines of ``edgefuse run`` with these steps, in the order of ``records``.

        Raises RuntimeError if a record could not be answered.
        """
        device = self._device(steps)
        manifest = "".join(json.dumps({"id": str(index)} | record) + "\n" for index, record in enumerate(records))
        digest = hashlib.sha256((device + manifest + self._models(steps)).encode()).hexdigest()[:12]
        folder = self.kept / f"{name}-{digest}"
        folder.mkdir(parents=True, exist_ok=True)
        output = folder / "results.jsonl"
        if not output.exists():
            (folder / "device.yaml").write_text(device, encoding="utf-8")
            (folder / "records.jsonl").write_text(manifest, encoding="utf-8")
            command = [self.program, "--quiet", "--config", folder / "device.yaml", "run", folder / "records.jsonl"]
            subprocess.run([str(word) for word in [*command, "--output", output, "--resume"]], check=True)
        lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
        by_id = {line["id"]: line for line in lines}
        failed = [index for index in range(len(records)) if _failed(by_id.get(str(index)))]
        if failed:
            raise RuntimeError(f"{output}: record {failed[0]} and {len(failed) - 1} others have no result")
        return [by_id[str(index)] for index in range(len(records))]

    def matches(self, images: list[str], texts: list[str]) -> list[Line]:
        """Results of ``edgefuse match`` for each picture with all ``texts``."""
        with tempfile.TemporaryDirectory() as folder:
            device, listed = Path(folder) / "device.yaml", Path(folder) / "texts.txt"
            device.write_text(self._device(["match"]), encoding="utf-8")
            listed.write_text("\n".join(texts), encoding="utf-8")
            command = [self.program, "--quiet", "--format", "json", "match", "--config", device, "--texts", listed]
            words = [str(word) for word in [*command, *images]]
            output = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        return [json.loads(line)["match"] for line in output.splitlines()]

    def embeddings(self, modality: str, values: list[str]) -> list[list[float]]:
        """The student's embedding of each of ``values``, inputs of one ``modality``."""
        lines = self.run(
            f"embeddings-{modality}", [{modality: value} for value in values], ["fuse: {embeddings: true}"]
        )
        return [line["fusion"]["embeddings"][modality] for line in lines]

    def _device(self, steps: list[str]) -> str:
        listed = "".join(f"  - {step}\n" for step in steps)
        return _DEVICE.format(root=self.root, threads=self.threads, student=self.student, steps=listed)

    def _models(self, steps: list[str]) -> str:
        """The model.yaml of the models that the steps use, on which the results depend besides the records."""
        used = {"ask": "onnx/blip-easyvqa", "caption": "onnx/blip-easyvqa", "transcribe": "onnx/whisper-tiny.en"}
        folders = {self.root / used[word] for step in steps for word in used if step.startswith(word)}
        folders |= {self.student for step in steps if step.startswith("fuse")}
        return "".join((folder / "model.yaml").read_text(encoding="utf-8") for folder in sorted(folders))


def _failed(line: Line | None) -> bool:
    """Whether the result, or one of its steps, is missing."""
    if line is None or "error" in line:
        return True
    return any(isinstance(step, dict) and "error" in step for step in line.values())
