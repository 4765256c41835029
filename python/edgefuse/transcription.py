"""The result of a transcription, in the shape of faster-whisper's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Word:
    """A word with its times in seconds. ``word`` includes its leading space."""

    start: float
    end: float
    word: str
    probability: float


@dataclass
class Segment:
    """A segment of a transcript. Names, order and units are those of faster-whisper.

    ``seek`` is the start of the segment in frames of 10 ms; faster-whisper's is the start of its window.
    """

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int]
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    words: list[Word] | None
    temperature: float | None
    #: Index of the channel, if channels were transcribed separately (not in faster-whisper).
    channel: int | None = None
    #: Language of the segment, if it changes within the recording (not in faster-whisper).
    language: str | None = None


@dataclass
class TranscriptionInfo:
    """About the recording.

    ``language`` is ``None`` if there was no speech to detect it from. ``language_probability`` is 1 if the language was
    given, or the model has only one.
    """

    language: str | None
    language_probability: float
    #: Seconds of the recording.
    duration: float
    #: Seconds of it that contain speech; all of them if speech was not detected.
    duration_after_vad: float
    all_language_probs: list[tuple[str, float]] | None
    #: The options that were given.
    transcription_options: dict[str, Any] = field(default_factory=dict)
    #: What was left out, substituted or guessed, one line each (not in faster-whisper).
    warnings: list[str] = field(default_factory=list)


@dataclass
class Transcription:
    """A transcript: ``text``, or ``segments, info = transcription``, as faster-whisper returns them."""

    text: str
    segments: list[Segment]
    info: TranscriptionInfo

    def __iter__(self) -> Iterator[list[Segment] | TranscriptionInfo]:
        return iter((self.segments, self.info))

    @classmethod
    def of(cls, result: Mapping[str, Any], options: Mapping[str, Any]) -> Transcription:
        """The transcript in the result of a record."""
        found = result["transcript"]
        spaced = bool(found["segments"]) and not _unspaced(found.get("language"))
        segments = [
            Segment(
                id=number,
                seek=round(segment["start"] * 100),
                start=segment["start"],
                end=segment["end"],
                # As in faster-whisper: joined, the texts of all segments are the whole text.
                text=(" " if spaced else "") + segment["text"],
                tokens=segment["tokens"],
                avg_logprob=segment["avg_logprob"],
                compression_ratio=segment["compression_ratio"],
                no_speech_prob=segment["no_speech_prob"],
                words=[Word(**word) for word in segment["words"]] if segment.get("words") is not None else None,
                temperature=segment["temperature"],
                channel=segment.get("channel"),
                language=segment.get("language"),
            )
            for number, segment in enumerate(found["segments"], start=1)
        ]
        probabilities = found.get("language_probabilities")
        info = TranscriptionInfo(
            language=found.get("language"),
            language_probability=found.get("language_probability", 1.0),
            duration=found["duration"],
            duration_after_vad=found.get("speech", found["duration"]),
            all_language_probs=list(probabilities.items()) if probabilities else None,
            transcription_options=dict(options),
            warnings=list(result.get("warnings", [])),
        )
        return cls(found["text"], segments, info)


def _unspaced(language: str | None) -> bool:
    """Whether words of the language are written without spaces, so that Whisper's segments start without one."""
    return language in ("zh", "ja", "th", "lo", "my", "yue")
