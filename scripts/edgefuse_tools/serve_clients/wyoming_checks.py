"""The client classes of Wyoming's reference implementation, as Home Assistant uses them."""

from __future__ import annotations

import asyncio
import wave

from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong

from .openai_checks import DATA
from .server import PATIENCE_S, Server


async def receive(client: AsyncTcpClient) -> Event:
    """The next event."""
    event = await asyncio.wait_for(client.read_event(), PATIENCE_S)
    assert event is not None, "the connection ended"
    return event


async def say(client: AsyncTcpClient, pcm: bytes, rate: int, width: int, channels: int) -> str:
    """Sends an utterance, and checks that its parts are the transcript."""
    await client.write_event(Transcribe(language="en").event())
    await client.write_event(AudioStart(rate=rate, width=width, channels=channels).event())
    for at in range(0, len(pcm), 4096):
        await client.write_event(
            AudioChunk(rate=rate, width=width, channels=channels, audio=pcm[at : at + 4096]).event()
        )
    await client.write_event(AudioStop().event())
    chunks, started = "", False
    while True:
        event = await receive(client)
        if TranscriptStart.is_type(event.type):
            started = True
        elif TranscriptChunk.is_type(event.type):
            assert started
            chunks += TranscriptChunk.from_event(event).text
        else:
            assert Transcript.is_type(event.type), event
            text = Transcript.from_event(event).text
            assert TranscriptStop.is_type((await receive(client)).type)
            assert chunks.strip() == text, (chunks, text)
            return text


async def check(server: Server) -> None:
    """Describes, pings and transcribes, twice on one connection."""
    async with AsyncTcpClient("127.0.0.1", server.wyoming_port) as client:
        await client.write_event(Describe().event())
        event = await receive(client)
        assert Info.is_type(event.type), event
        program = Info.from_event(event).asr[0]
        assert program.name == "edgefuse" and program.installed and program.supports_transcript_streaming, program
        assert "en" in program.models[0].languages, program
        await client.write_event(Ping(text="x").event())
        assert Pong.from_event(await receive(client)).text == "x"
        for name in ("librivox-0880.wav", "librivox-0930.wav"):
            with wave.open(str(DATA / name)) as recording:
                pcm = recording.readframes(recording.getnframes())
                form = recording.getframerate(), recording.getsampwidth(), recording.getnchannels()
            text = await say(client, pcm, *form)
            assert text == server.printed("transcribe", str(DATA / name)).strip(), text
        assert await say(client, b"\0" * 64_000, 16_000, 2, 1) == ""


def check_wyoming(server: Server) -> None:
    """All of it."""
    asyncio.run(check(server))
