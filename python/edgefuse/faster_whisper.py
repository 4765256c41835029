"""``from edgefuse.faster_whisper import WhisperModel``: a program for faster-whisper runs on edgefuse.

Options with the same meaning are accepted under faster-whisper's names. One that edgefuse does not have is an error,
unless its value is faster-whisper's default.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from .errors import ConfigError, OptionError
from .media import SoundLike
from .pipeline import Pipeline
from .transcription import Segment, Transcription, TranscriptionInfo, Word

__all__ = ["Segment", "TranscriptionInfo", "WhisperModel", "Word"]

#: Names of faster-whisper's options that differ from edgefuse's.
_RENAMED = {
    "beam_size": "beams",
    "log_prob_threshold": "logprob_threshold",
}

#: Options of both, with the same names, meanings and units.
_SAME = {
    "best_of",
    "clip_timestamps",
    "compression_ratio_threshold",
    "condition_on_previous_text",
    "hallucination_silence_threshold",
    "hotwords",
    "initial_prompt",
    "language_detection_segments",
    "language_detection_threshold",
    "multilingual",
    "no_speech_threshold",
    "patience",
    "task",
    "temperature",
    "prepend_punctuations",
    "append_punctuations",
    "suppress_tokens",
}

#: Options that only faster-whisper has, with the values that change nothing.
_IGNORED: dict[str, Any] = {
    "chunk_length": None,
    "length_penalty": 1,
    "log_progress": False,
    "max_initial_timestamp": 1.0,
    "max_new_tokens": None,
    "no_repeat_ngram_size": 0,
    "prefix": None,
    "prompt_reset_on_temperature": 0.5,
    "repetition_penalty": 1,
    "suppress_blank": True,
}

#: The precision of the model folder for CTranslate2's types.
_PRECISIONS = {"auto": "auto", "default": "auto", "float16": "fp16", "float32": "fp32", "int8": "int8"}


class WhisperModel:
    """A Whisper model with faster-whisper's interface.

    Args:
        model_size_or_path: a model folder of edgefuse, a device file, or a size such as ``"base"`` or ``"tiny.en"``,
            which is the folder ``whisper-SIZE`` in ``onnx/``, or in the folder that ``EDGEFUSE_MODELS`` names.
        device: ``"cpu"`` or ``"auto"``; other execution providers are named in a device file.
        compute_type: ``"auto"``, ``"int8"``, ``"float32"``, or the name of one of the folder's precisions.
        cpu_threads: cores; 0 is all.
    """

    def __init__(
        self,
        model_size_or_path: str | os.PathLike[str],
        device: str = "auto",
        *,
        compute_type: str = "default",
        cpu_threads: int = 0,
    ) -> None:
        if device not in ("auto", "cpu"):
            raise OptionError(f"device: {device!r} is named in a device file, as an execution provider; pass its path")
        path = _model(os.fspath(model_size_or_path))
        paths = [str(path)]
        detector = path.parent / "silero-vad"
        if path.is_dir() and detector.is_dir():
            paths.append(str(detector))
        precision = _PRECISIONS.get(compute_type, compute_type)
        # A device file names its own precision, unless another one is asked for.
        named = None if path.is_file() and compute_type in ("auto", "default") else precision
        self.pipeline = Pipeline(paths, precision=named, threads=cpu_threads or None)

    def transcribe(
        self,
        audio: SoundLike | BinaryIO,
        language: str | None = None,
        task: str = "transcribe",
        *,
        beam_size: int = 5,
        word_timestamps: bool = False,
        without_timestamps: bool = False,
        vad_filter: bool = False,
        vad_parameters: dict[str, Any] | None = None,
        **options: Any,
    ) -> tuple[list[Segment], TranscriptionInfo]:
        """Transcribes a recording; returns its segments and information about it.

        The segments are a list, not a generator: when it returns, the work is done.
        """
        given: dict[str, Any] = {
            "language": language or "auto",
            "task": task,
            "beams": beam_size,
            "timestamps": "word" if word_timestamps else "none" if without_timestamps else "segment",
            "vad": (vad_parameters or True) if vad_filter else False,
        }
        for name, value in options.items():
            if name in _IGNORED and value == _IGNORED[name]:
                continue
            if name not in _SAME and name not in _RENAMED:
                raise OptionError(f"{name}: edgefuse has no such option")
            given[_RENAMED.get(name, name)] = list(value) if isinstance(value, tuple) else value
        content: Any = audio if not hasattr(audio, "read") else audio.read()
        transcription: Transcription = self.pipeline.transcribe(content, **given)
        return transcription.segments, transcription.info


def _model(name: str) -> Path:
    """The folder or device file of a model."""
    path = Path(name)
    if path.exists():
        return path
    folders: Sequence[str] = [os.environ.get("EDGEFUSE_MODELS", "onnx")]
    for folder in folders:
        if Path(folder, f"whisper-{name}").is_dir():
            return Path(folder, f"whisper-{name}")
    raise ConfigError(
        f"no model {name}: neither a folder nor a device file, and there is no {folders[0]}/whisper-{name}; export it "
        "with scripts/export.py whisper, or set EDGEFUSE_MODELS to the folder of models",
        name,
    )
