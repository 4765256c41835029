"""OpenAI's Python client of the Realtime API: live sound in, text out."""

from __future__ import annotations

import base64
import wave
from collections.abc import Iterator

from openai.resources.realtime.realtime import RealtimeConnection
from openai.types.realtime import RealtimeServerEvent

from .openai_checks import DATA, client, words
from .server import Server

# Samples per second in OpenAI's format.
RATE = 24_000


def pcm(name: str) -> tuple[int, bytes]:
    """Rate and samples of a recording."""
    with wave.open(str(DATA / name)) as recording:
        return recording.getframerate(), recording.readframes(recording.getnframes())


def say(connection: RealtimeConnection, samples: bytes) -> None:
    """Sends sound in the chunks of a microphone, and commits it."""
    for at in range(0, len(samples), 4_800):
        connection.input_audio_buffer.append(audio=base64.b64encode(samples[at : at + 4_800]).decode())
    connection.input_audio_buffer.commit()


def until(connection: RealtimeConnection, kind: str) -> Iterator[RealtimeServerEvent]:
    """The events before the first of a kind, and that one."""
    for event in connection:
        assert event.type != "error", event
        yield event
        if event.type == kind:
            return
    raise AssertionError(f"the connection ended before {kind}")


def check_realtime(server: Server) -> None:
    """Speech that the service or the client divides into utterances has the text of the recording."""
    rate, samples = pcm("librivox-0880.wav")
    expected = words(server.printed("transcribe", str(DATA / "librivox-0880.wav")))
    completed = "conversation.item.input_audio_transcription.completed"
    with client(server).realtime.connect(extra_query={"intent": "transcription"}) as connection:
        created = connection.recv()
        assert created.type == "session.created" and created.session.type == "transcription", created
        for turns in ({"type": "server_vad", "silence_duration_ms": 500}, None):
            audio = {
                "format": {"type": "audio/pcm", "rate": rate},
                "transcription": {"model": "whisper-1", "language": "en"},
                "turn_detection": turns,
            }
            update = {"type": "session.update", "session": {"type": "transcription", "audio": {"input": audio}}}
            connection.send(update)
            list(until(connection, "session.updated"))
            say(connection, samples)
            # Handled after the text of what was committed.
            connection.send(update)
            events = list(until(connection, "session.updated"))
            texts = [event.transcript for event in events if event.type == completed]
            assert words(" ".join(texts)) == expected, (texts, expected)
            kinds = {event.type for event in events}
            assert "input_audio_buffer.committed" in kinds and "conversation.item.added" in kinds, kinds
