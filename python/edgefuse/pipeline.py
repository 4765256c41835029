"""Pipelines: the models of a device file, and what they do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, Union, overload

from . import _native, library
from .errors import EdgefuseError, InputError, OptionError
from .media import Line, PictureLike, RecordLike, SoundLike, line_of
from .results import Answer, Caption, Decision, Match, Result
from .transcription import Transcription

#: Called with the seconds of sound that are transcribed, and those of the whole recording.
OnSeconds = Callable[[float, float], object]

#: Steps as in a device file: ``["caption", {"transcribe": {"language": "de"}}]``.
Steps = Sequence[Union[str, Mapping[str, Any]]]


class Pipeline:
    """The models of a device file, and its pipeline.

    Models are loaded when a step first needs them, and shared by all threads that use the pipeline. The interpreter's
    lock is released during work. Ctrl-C ends the work with ``KeyboardInterrupt``.

    A pipeline can be pickled: the copy reads the same files again, in the process that needs it. It cannot be used in a
    process that was forked from one that has a pipeline (:class:`edgefuse.ForkError`); use ``spawn``.

    Args:
        config: a device file, one model folder, or several model folders.
        precision: of all models that have it, such as ``"int8"``, or ``"auto"``; by default that of the device file, and
            ``"auto"`` for model folders.
        threads: cores that a graph uses, shared by all pipelines of the process, of which the first decides; by
            default those of the device file.

    Raises:
        ConfigError: a file that cannot be used, with ``file``, ``line`` and ``column``.
        LibraryError: ONNX Runtime was not found or cannot be used.
    """

    def __init__(
        self,
        config: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        precision: str | None = None,
        threads: int | None = None,
    ) -> None:
        paths = [config] if isinstance(config, (str, os.PathLike)) else list(config)
        if not paths:
            raise OptionError("config: name a device file, or at least one model folder")
        # Absolute, for a copy in a process with another working directory.
        self._paths = [os.path.abspath(os.fspath(path)) for path in paths]
        self._precision = precision
        self._threads = threads
        self._native = _native.NativePipeline(
            self._paths, precision=precision, threads=threads, library=library.of_package()
        )
        path, version, _ = self._native.library()
        library.warn_of_others(Path(path), version)

    def __reduce__(self) -> tuple[Callable[..., Pipeline], tuple[Any, ...]]:
        return _rebuild, (self._paths, self._precision, self._threads)

    def __repr__(self) -> str:
        return f"edgefuse.Pipeline({', '.join(map(repr, self._paths))})"

    @property
    def steps(self) -> list[str]:
        """The names of the steps of the device file's pipeline."""
        return self._native.steps()

    @property
    def library(self) -> tuple[Path, str, str]:
        """File, version and origin of ONNX Runtime."""
        path, version, origin = self._native.library()
        return Path(path), version, origin

    @property
    def loaded(self) -> list[str]:
        """The names of the models that are loaded now."""
        return self._native.loaded()

    @overload
    def run(
        self,
        records: RecordLike,
        *,
        steps: Steps | None = None,
        in_flight: int = 1,
        ordered: bool = True,
        timeout: float | None = None,
        cancellation: _native.Cancellation | None = None,
        on_progress: Callable[[int, float, float], object] | None = None,
    ) -> Result: ...

    @overload
    def run(
        self,
        records: Iterable[RecordLike | Line],
        *,
        steps: Steps | None = None,
        in_flight: int = 1,
        ordered: bool = True,
        timeout: float | None = None,
        cancellation: _native.Cancellation | None = None,
        on_progress: Callable[[int, float, float], object] | None = None,
    ) -> Iterator[Result]: ...

    def run(
        self,
        records: RecordLike | Iterable[RecordLike | Line],
        *,
        steps: Steps | None = None,
        in_flight: int = 1,
        ordered: bool = True,
        timeout: float | None = None,
        cancellation: _native.Cancellation | None = None,
        on_progress: Callable[[int, float, float], object] | None = None,
    ) -> Result | Iterator[Result]:
        """Runs the device file's pipeline, or ``steps``, on one record or on each of an iterable.

        A record is a dictionary with any of ``id``, ``image``, ``audio``, ``text``, ``sensors``, ``image_embedding`` and
        ``text_embedding``. Pictures are paths, bytes, ``PIL.Image`` or uint8 arrays; sounds are paths, bytes, or float32
        arrays at 16 kHz (or ``sample_rate``). What is wrong with a record is an error in its result
        (:attr:`Result.errors`), also if it is no dictionary.

        Args:
            records: one record, whose result is returned; or several, whose results are an iterator, one for each. The
                iterable is read as results are: at most ``in_flight`` records ahead.
            steps: instead of those of the device file. A name alone stands for the device file's step, if it has one; a
                step with options that names no model uses that of the device file's step.
            in_flight: records in work at once, at most 256.
            ordered: results come in the order of the records; otherwise as soon as they are ready.
            timeout: seconds for all of the records.
            cancellation: ends the work from another thread.
            on_progress: called with the record's number (from 0) and the seconds of its sound that are done, and in
                total. What it raises ends the work.

        Raises:
            ModelError: a model that cannot be loaded, and other errors that every record would meet.
        """
        one = isinstance(records, Mapping)
        several: Iterable[object] = [records] if one else records
        if isinstance(several, (str, bytes, os.PathLike)):
            raise InputError("records must be a dictionary or an iterable of them; for a file, use {'image': path}")
        job = self._native.start(
            None if steps is None else _json(list(steps)),
            in_flight=in_flight,
            ordered=ordered,
            timeout=timeout,
            cancellation=cancellation,
            on_progress=on_progress,
        )
        results = _results(job, iter(several), min(max(in_flight, 1), 256))
        return next(results) if one else results

    def transcribe(
        self,
        audio: SoundLike,
        *,
        sample_rate: int = 16_000,
        on_progress: OnSeconds | None = None,
        timeout: float | None = None,
        cancellation: _native.Cancellation | None = None,
        **options: Any,
    ) -> Transcription:
        """Transcribes a recording: a path, the bytes of a file, or mono float32 samples in [-1, 1] at 16 kHz.

        Returns ``text``, ``segments`` and ``info``; ``segments, info = pipeline.transcribe(...)`` works as with
        faster-whisper, but when it returns, the work is done.

        ``options`` are those of the step ``transcribe`` (docs/options.md), such as ``language="de"``,
        ``timestamps="word"``, ``task="translate"`` or ``vad=False``. Without any, those of the device file apply.
        """
        record = {"audio": audio, "sample_rate": sample_rate}
        result = self._one("transcribe", "transcript", record, options, timeout, cancellation, on_progress)
        return Transcription.of(result, options)

    def caption(self, image: PictureLike, **options: Any) -> Caption:
        """Captions a picture: a path, the bytes of a file, a ``PIL.Image``, or a uint8 array ``[height, width, 3]``.

        ``options`` are those of the step ``caption``, such as ``prompt="a photo of"`` or ``beams=3, captions=3``.
        """
        found = self._one("caption", "caption", {"image": image}, options)["caption"]
        captions = found.get("captions") or [
            {key: found[key] for key in ("text", "log_probability", "score") if key in found}
        ]
        return Caption(found["text"], found.get("log_probability"), captions)

    def ask(self, image: PictureLike, question: str, **options: Any) -> Answer:
        """Answers a question about a picture. ``options`` are those of the step ``ask``: ``answers=["yes", "no"]``."""
        found = self._one("ask", "answer", {"image": image, "text": question}, {"question": "text", **options})[
            "answer"
        ]
        return Answer(found["question"], found["text"], found.get("confidence"), found.get("answers") or [])

    def match(self, image: PictureLike, texts: Sequence[str], **options: Any) -> list[Match]:
        """How well each text fits a picture, in the order of the texts."""
        if isinstance(texts, str):
            texts = [texts]
        found = self._one("match", "match", {"image": image}, {"texts": list(texts), **options})["match"]
        return [Match(it["text"], it.get("probability"), it.get("similarity")) for it in found["texts"]]

    def fuse(
        self,
        *,
        image: PictureLike | None = None,
        audio: SoundLike | None = None,
        text: str | None = None,
        sensors: Mapping[str, float] | Sequence[float] | None = None,
        image_embedding: Any = None,
        text_embedding: Any = None,
        audio_embedding: Any = None,
        sample_rate: int = 16_000,
        **options: Any,
    ) -> Decision:
        """The student's decision from any of picture, sound, text, sensor readings and embeddings."""
        record = {"image": image, "audio": audio, "text": text, "sensors": sensors, "sample_rate": sample_rate}
        record.update(image_embedding=image_embedding, text_embedding=text_embedding, audio_embedding=audio_embedding)
        found = self._one("fuse", "fusion", record, {"strict": True, **options})["fusion"]
        return Decision(found["label"], found["confidence"], dict(found["probabilities"]), found["modalities"])

    def embed(
        self,
        *,
        image: PictureLike | None = None,
        text: str | None = None,
        audio: SoundLike | None = None,
        sample_rate: int = 16_000,
        **options: Any,
    ) -> dict[str, Any]:
        """Embeddings as float32 arrays of length 1 under ``image``, ``text`` and ``audio``, for what was given; all in
        one space. ``model`` is the name of the model: only embeddings of the same one can be compared."""
        record = {"image": image, "text": text, "audio": audio, "sample_rate": sample_rate}
        job = self._native.start(_json([{"embed": options}]))
        answer = _single(job, record)
        result = Result(json.loads(answer.json()))
        found = answer.embeddings()
        if found is None:
            raise InputError(_problem(result, "embed"))
        return {key: value for key, value in found.items() if value is not None}

    def _one(
        self,
        step: str,
        key: str,
        record: dict[str, Any],
        options: dict[str, Any],
        timeout: float | None = None,
        cancellation: _native.Cancellation | None = None,
        on_progress: OnSeconds | None = None,
    ) -> Result:
        """The result of one step, which must have one."""
        report = on_progress
        job = self._native.start(
            # A name alone stands for the device file's step, with its options.
            _json([{step: options} if options else step]),
            timeout=timeout,
            cancellation=cancellation,
            on_progress=None if report is None else lambda _, done, total: report(done, total),
        )
        result = Result(json.loads(_single(job, record).json()))
        if key not in result or "error" in result[key]:
            raise InputError(_problem(result, step))
        return result


def _rebuild(paths: list[str], precision: str | None, threads: int | None) -> Pipeline:
    return Pipeline(paths, precision=precision, threads=threads)


def _json(steps: list[Any]) -> str:
    try:
        return json.dumps(steps, default=os.fspath, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        names = [name for step in steps if isinstance(step, Mapping) for name in _not_json(step)]
        raise OptionError(f"{', '.join(names) or 'steps'}: not a value for an option") from None


def _not_json(step: Mapping[str, Any]) -> Iterator[str]:
    """The names of options that have no form in JSON."""
    for name, options in step.items():
        for option, value in options.items() if isinstance(options, Mapping) else [("", options)]:
            try:
                json.dumps(value, default=os.fspath, allow_nan=False)
            except (TypeError, ValueError, RecursionError):
                yield f"{name}.{option}" if option else name


def _problem(result: Result, step: str) -> str:
    return "; ".join(result.errors) or f"the record has no input for `{step}`"


def _single(job: _native.Job, record: object) -> _native.NativeAnswer:
    """The answer to one record."""
    line = line_of(record)
    job.submit(line.line, "record", line.picture, line.sound, line.rate)
    job.end()
    answer = job.next()
    if answer is None:
        raise EdgefuseError("the work ended without a result")
    return answer


def _results(job: _native.Job, records: Iterator[object], in_flight: int) -> Iterator[Result]:
    """The results of records, at most ``in_flight`` of which are in work."""
    number = unanswered = 0
    ended = False
    try:
        while True:
            while not ended and unanswered < in_flight:
                try:
                    record = next(records)
                except StopIteration:
                    ended = True
                    job.end()
                    break
                name = f"record {number}"
                try:
                    line = line_of(record)
                    job.submit(line.line, line.name or name, line.picture, line.sound, line.rate)
                except InputError as problem:
                    given = record.get("id") if isinstance(record, Mapping) else None
                    job.submit_bad(name if given is None else str(given), f"{name}: {problem}")
                number += 1
                unanswered += 1
            answer = job.next() if unanswered else None
            if answer is None:
                return
            unanswered -= 1
            yield Result(json.loads(answer.json()))
    finally:
        job.give_up()
