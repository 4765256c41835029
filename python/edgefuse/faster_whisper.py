"""``from edgefuse.faster_whisper import WhisperModel``: a program for faster-whisper runs on edgefuse.

Options with the same meaning are accepted under faster-whisper's names. One that edgefuse does not have is an error,
unless its value is faster-whisper's default.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import ConfigError, OptionError
from .media import SoundLike
from .pipeline import Pipeline
from .transcription import Segment, Transcription, TranscriptionInfo, Word

__all__ = ["BatchedInferencePipeline", "Segment", "TranscriptionInfo", "WhisperModel", "Word"]

#: Names of faster-whisper's options that differ from edgefuse's.
_RENAMED = {
    "beam_size": "beams",
    "log_prob_threshold": "logprob_threshold",
}

#: Names of faster-whisper's options of voice activity detection (``VadOptions``) that differ from edgefuse's.
_RENAMED_VAD = {
    "max_speech_duration_s": "max_speech_s",
    "min_silence_duration_ms": "min_silence_ms",
    "min_speech_duration_ms": "min_speech_ms",
    "speech_pad_ms": "pad_ms",
}

#: Arguments of faster-whisper's ``WhisperModel`` about processors and downloads, which have no effect here.
_WITHOUT_EFFECT = {
    "device_index",
    "download_root",
    "files",
    "local_files_only",
    "num_workers",
    "revision",
    "use_auth_token",
}

#: Options of both, with the same names, meanings and units.
_SAME = {
    "batch_size",
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
_PRECISIONS.update(dict.fromkeys(("int8_float32", "int8_float16", "int8_bfloat16"), "int8"))


class WhisperModel:
    """A Whisper model with faster-whisper's interface.

    Args:
        model_size_or_path: a model folder of edgefuse, a device file, or a size such as ``"base"`` or ``"tiny.en"``,
            which is the folder ``whisper-SIZE`` in ``onnx/``, or in the folder that ``EDGEFUSE_MODELS`` names.
        device: ``"cpu"`` or ``"auto"``; other execution providers are named in a device file.
        compute_type: ``"auto"``, ``"int8"``, ``"float32"``, or the name of one of the folder's precisions.
        cpu_threads: cores; 0 is all.
        without_effect: ``num_workers``, ``download_root``, ``local_files_only`` and others: any number of threads may use
            one model, and nothing is downloaded.
    """

    def __init__(
        self,
        model_size_or_path: str | os.PathLike[str],
        device: str = "auto",
        *,
        compute_type: str = "default",
        cpu_threads: int = 0,
        **without_effect: Any,
    ) -> None:
        for name in sorted(without_effect.keys() - _WITHOUT_EFFECT):
            raise OptionError(f"{name}: edgefuse has no such option")
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
        audio: SoundLike,
        language: str | None = None,
        task: str = "transcribe",
        *,
        beam_size: int = 5,
        word_timestamps: bool = False,
        without_timestamps: bool = False,
        vad_filter: bool = False,
        vad_parameters: object = None,
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
            "vad": (_vad(vad_parameters) or True) if vad_filter else False,
        }
        for name, value in options.items():
            if name in _IGNORED and value == _IGNORED[name]:
                continue
            if name not in _SAME and name not in _RENAMED:
                raise OptionError(f"{name}: edgefuse has no such option")
            given[_RENAMED.get(name, name)] = list(value) if isinstance(value, tuple) else value
        transcription: Transcription = self.pipeline.transcribe(audio, **given)
        return transcription.segments, transcription.info


class BatchedInferencePipeline:
    """Decodes several stretches of speech at once, with the interface of faster-whisper's class of this name."""

    def __init__(self, model: WhisperModel) -> None:
        self.model = model

    def transcribe(
        self,
        audio: SoundLike,
        language: str | None = None,
        task: str = "transcribe",
        *,
        batch_size: int = 8,
        vad_filter: bool = True,
        **options: Any,
    ) -> tuple[list[Segment], TranscriptionInfo]:
        """As :meth:`WhisperModel.transcribe`, ``batch_size`` stretches at once.

        Speech is always detected, because the stretches are what is decoded. Unlike faster-whisper's, segments have times
        unless ``without_timestamps=True``.
        """
        if not vad_filter:
            raise OptionError("vad_filter: batches are made of the speech that is detected; it cannot be off")
        return self.model.transcribe(audio, language, task, vad_filter=True, batch_size=batch_size, **options)


def _vad(parameters: object) -> dict[str, Any]:
    """Options of voice activity detection under edgefuse's names: from a dictionary, or faster-whisper's ``VadOptions``."""
    if parameters is None:
        return {}
    given = parameters if isinstance(parameters, Mapping) else getattr(parameters, "__dict__", None)
    if given is None:
        raise OptionError(f"vad_parameters must be a dictionary or VadOptions, not {type(parameters).__name__}")
    # None and infinity mean the same as leaving the option out.
    used = {name: value for name, value in given.items() if value is not None and value != math.inf}
    return {_RENAMED_VAD.get(name, name): value for name, value in used.items()}


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
