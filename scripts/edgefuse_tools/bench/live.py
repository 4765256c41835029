"""Latencies of `edgefuse serve` with a camera and a microphone, and what they cost beside inference.

The camera and the microphone are files that are played in real time, so it is known when each word ends. Arrival is measured
at a subscriber of the MQTT broker, by the clock that the player uses.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
import wave
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from edgefuse_tools.bench import machine, paths
from edgefuse_tools.live.broker import Broker

RECORDINGS = ("librivox-0870", "librivox-0880", "librivox-0890", "librivox-0920", "librivox-0930")
PAUSE_S = 2.5

# A sample this far below the recording's peak is silence: -35 dB.
SILENCE = 0.018

DEVICE = """device: bench
extends: {root}/configs/cpu.yaml
runtime: {{threads: {{intra: {threads}, spinning: {spinning}}}}}
server: {{http: {{listen: '127.0.0.1:0'}}}}
sources:
{sources}
sinks: [{{mqtt: {{broker: 'mqtt://127.0.0.1:{port}'}}}}]
"""


class Arrivals:
    """Every message with the moment of its arrival, in seconds since the machine started."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[float, str, Any]] = []
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("edgefuse/#", qos=1)
        self.client.loop_start()

    def _take(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            payload = json.loads(message.payload)
        except ValueError:
            payload = message.payload.decode(errors="replace")
        if not message.retain:
            self.messages.append((now, message.topic, payload))

    def of(self, end: str) -> list[tuple[float, Any]]:
        """The messages whose topic ends like this."""
        return [(at, payload) for at, topic, payload in list(self.messages) if topic.endswith(end)]


def percentile(values: list[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def speech_end(recording: Path) -> float:
    """Seconds from the start of a recording to its last sample that is not silence."""
    with wave.open(str(recording)) as file:
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
        rate = file.getframerate()
    peak = max(abs(sample) for sample in samples)
    last = max(index for index, sample in enumerate(samples) if abs(sample) > SILENCE * peak)
    return last / rate


def word_ends(binary: Path, recording: Path) -> list[tuple[str, float]]:
    """The words of a recording with their ends, by the model itself."""
    command = [str(binary), "transcribe", str(recording), "--timestamps", "word", "--format", "json"]
    output = subprocess.run(command, check=True, capture_output=True, cwd=paths.ROOT).stdout
    segments = json.loads(output)["transcript"]["segments"]
    found = [(words(word["word"]), word["end"]) for segment in segments for word in segment["words"]]
    return [(spelt[0], end) for spelt, end in found if spelt]


class Served:
    """`edgefuse serve` on a device file, with its broker and a subscriber."""

    def __init__(self, binary: Path, threads: int, sources: str, *, spinning: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="edgefuse-bench-"))
        self.broker = Broker()
        self.arrivals = Arrivals(self.broker.port)
        file = self.folder / "device.yaml"
        text = DEVICE.format(
            root=paths.ROOT,
            threads=threads,
            spinning=str(spinning).lower(),
            port=self.broker.port,
            sources=sources,
        )
        file.write_text(text.replace("FOLDER", str(self.folder)))
        environment = {"ORT_DYLIB_PATH": str(paths.ROOT / "lib/libonnxruntime.so"), **os.environ}
        with (self.folder / "stderr").open("w") as said:
            self.process = subprocess.Popen(
                [binary, "--config", file, "serve"], stderr=said, cwd=paths.ROOT, env=environment
            )

    def metrics(self) -> str:
        address = re.search(r"http://(\S+)", (self.folder / "stderr").read_text())
        assert address is not None
        with urllib.request.urlopen(f"http://{address[1]}/metrics") as answer:
            text: str = answer.read().decode()
        return text

    def cpu_seconds(self) -> float:
        """Processor time of the service, without its commands."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1000

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.arrivals.client.loop_stop()
        self.broker.stop()


def speech(binary: Path, threads: int, context: str, rounds: int) -> dict[str, Any]:
    """Latencies of final and partial texts."""
    recordings = [paths.ROOT / f"tests/data/{name}.wav" for name in RECORDINGS]
    ends = {str(recording): speech_end(recording) for recording in recordings}
    spoken = {str(recording): word_ends(binary, recording) for recording in recordings}
    play = f"python3 {paths.ROOT}/configs/examples/play.py sound --pause {PAUSE_S} --log FOLDER/log {' '.join(map(str, recordings))}"
    served = Served(
        binary,
        threads,
        f"  room: {{microphone: 'exec:{play}', partial: 200ms, "
        f"pipeline: [{{transcribe: {{encoder_context: {context}}}}}]}}",
    )
    log = served.folder / "log"
    started = time.monotonic()
    while not log.exists() or len(log.read_text().splitlines()) < rounds * len(recordings) + 2:
        assert time.monotonic() - started < 600, (served.folder / "stderr").read_text()
        time.sleep(0.5)
    # A line is written when the pause before its recording begins, so the text of the one before is still on the way.
    time.sleep(PAUSE_S)
    played = [line.split(" ", 1) for line in log.read_text().splitlines()]
    starts = [(float(at), path if path.startswith("/") else str(paths.ROOT / path)) for at, path in played]
    finals, partials = served.arrivals.of("/room/transcript"), served.arrivals.of("/room/partial")
    served.stop()
    final_latency, word_latency, missed = [], [], 0
    # The first recording loads the models.
    for (start, path), (following, _) in zip(starts[1:], starts[2:]):
        until = following
        within = [(at, payload) for at, payload in finals if start < at < until]
        if not within:
            missed += 1
            continue
        final_latency.append(max(at for at, _ in within) - start - ends[path])
        heard = sorted(
            [(at, words(str(payload))) for at, payload in partials if start < at < until]
            + [(at, words(payload["text"])) for at, payload in within]
        )
        for word, end in spoken[path]:
            at = next((at for at, found in heard if word in found and at > start + end - 0.3), None)
            if at is not None:
                word_latency.append(at - start - end)
    return {
        "final": {"count": len(final_latency), "missed": missed, **_quantiles(final_latency)},
        "partial": {"count": len(word_latency), **_quantiles(word_latency)},
    }


def pictures(binary: Path, threads: int, seconds: float) -> dict[str, Any]:
    """Latencies of captions beside the model's own time."""
    names = " ".join(f"{paths.ROOT}/tests/data/easyvqa-{number}.png" for number in (23, 7, 0, 19))
    play = f"python3 {paths.ROOT}/configs/examples/play.py pictures --fps 30 {names}"
    served = Served(binary, threads, f"  door: {{camera: 'exec:{play}', every: 500ms, pipeline: [caption]}}")
    time.sleep(seconds)
    found = served.arrivals.of("/door/caption")[3:]
    served.stop()
    alone = [
        json.loads(line)["caption"]["ms"] / 1000
        for line in subprocess.run(
            [binary, "run", *[f"tests/data/easyvqa-{number}.png" for number in (23, 7, 0, 19) * 5], "--format", "json"],
            check=True,
            capture_output=True,
            cwd=paths.ROOT,
        ).stdout.splitlines()
    ][4:]
    latency = [at - payload["uptime_s"] for at, payload in found]
    own = [payload["ms"] / 1000 for _, payload in found]
    return {
        "count": len(latency),
        **_quantiles(latency),
        "model_p50": percentile(own, 0.5),
        "model_alone_p50": percentile(alone, 0.5),
    }


def idle(binary: Path, threads: int, minutes: float) -> dict[str, Any]:
    """Processor time and memory of a camera and a microphone in whose sound and pictures nothing happens."""
    silence = Path(tempfile.mkdtemp()) / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(32_000 * 10))
    camera = f"python3 {paths.ROOT}/configs/examples/play.py pictures --fps 30 {paths.ROOT}/tests/data/easyvqa-23.png"
    sound = f"python3 {paths.ROOT}/configs/examples/play.py sound --pause 0 {silence}"
    kinds = {
        "camera": f"  door: {{camera: 'exec:{camera}', every: 1s, when: motion, pipeline: [caption]}}",
        "microphone": f"  mic: {{microphone: 'exec:{sound}', pipeline: [transcribe]}}",
    }
    found: dict[str, Any] = {}
    both = "\n".join(kinds.values())
    for name, lines in (*kinds.items(), ("both", both), ("both, spinning", both)):
        served = Served(binary, threads, lines, spinning=name.endswith("spinning"))
        time.sleep(20)
        before, memory, began = served.cpu_seconds(), served.memory_mb(), time.monotonic()
        time.sleep(60 * (minutes if name == "both" else min(minutes, 1.0)))
        share = (served.cpu_seconds() - before) / (time.monotonic() - began)
        found[name] = {"cpu": share, "memory_first_mb": memory, "memory_last_mb": served.memory_mb()}
        served.stop()
    return {"minutes": minutes, **found}


def _quantiles(values: list[float]) -> dict[str, float]:
    return {"p50": percentile(values, 0.5), "p95": percentile(values, 0.95)} if values else {}


def section(binary: Path, threads: int, rounds: int, minutes: float) -> dict[str, Any]:
    """All measurements."""
    described = machine.describe(threads)
    machine.warn_if_busy(described)
    return {
        "machine": described,
        "commit": machine.commit(),
        "speech": {context: speech(binary, threads, context, rounds) for context in ("full", "auto", "adaptive")},
        "pictures": pictures(binary, threads, 10.0 + 10.0 * rounds),
        "idle": idle(binary, threads, minutes),
    }


def page(found: dict[str, Any]) -> str:
    """docs/benchmarks/live.md."""
    speech_rows = "\n".join(
        f"| {kind} text, {context} encoder context | {values[kind]['count']} | {values[kind]['p50']:.2f} s | "
        f"{values[kind]['p95']:.2f} s |"
        for context, values in found["speech"].items()
        for kind in ("final", "partial")
    )
    seen, quiet = found["pictures"], found["idle"]
    idle_rows = "\n".join(
        f"| {name} | {100 * quiet[name]['cpu']:.1f} % | {quiet[name]['memory_first_mb']:.0f} MB | "
        f"{quiet[name]['memory_last_mb']:.0f} MB |"
        for name in ("camera", "microphone", "both", "both, spinning")
    )
    missed = sum(values["final"]["missed"] for values in found["speech"].values())
    described = found["machine"]
    return f"""# Sources: latencies and cost

Written by `python scripts/bench.py live`; every figure is in [live.json](live.json). A microphone and a
camera are simulated by playing recordings and pictures in real time; results are received from an MQTT broker on the same machine.

## Latency

Final texts: from the end of a recording to the arrival of its last text. Partial texts: from the end of each word, according to
the model's word timestamps, to the arrival of the first text with that word. Captions: from the arrival of a frame to the arrival
of its caption. tiny.en and blip-easyvqa at `precision: auto`, {described["threads"]} threads.

| | count | p50 | p95 |
| --- | ---: | ---: | ---: |
{speech_rows}
| caption, 30 frames a second | {seen["count"]} | {1000 * seen["p50"]:.0f} ms | {1000 * seen["p95"]:.0f} ms |

Recordings without a final text before the next began: {missed}. The caption's own time in the service is
{1000 * seen["model_p50"]:.1f} ms (p50), in `edgefuse run` {1000 * seen["model_alone_p50"]:.1f} ms.

## Idle cost

A camera at 30 frames per second with a static picture (`when: motion`), and a silent microphone. CPU use as a share of one core,
including the detection of motion and speech, and memory after 20 s and after another {quiet["minutes"]:.0f} min.

| sources | CPU | memory at first | at the end |
| --- | ---: | ---: | ---: |
{idle_rows}

{described["cpu"]} ({", ".join(described["flags"])}), {described["threads"]} threads, load average {described["load_average"]};
commit {found["commit"]}.
"""
