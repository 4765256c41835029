"""The sink `mqtt`, with Mosquitto and paho-mqtt."""

from __future__ import annotations

import time

from edgefuse_tools.live.broker import Broker
from edgefuse_tools.live.device import LINES, ROOT, Device, times
from edgefuse_tools.live.subscriber import Message, Subscriber

PER_SECOND = 5.0
RESULTS = "edgefuse/bench/lines/fusion"

_PLAY = f"python3 {ROOT}/configs/examples/play.py"
_CAMERA = f"  door: {{camera: 'exec:{_PLAY} pictures --fps 5 {ROOT}/tests/data/easyvqa-23.png', every: 1s, pipeline: [caption]}}\n"


def ids(messages: list[Message]) -> list[str]:
    """The ids of the results, in the order of their arrival."""
    return [message.json()["id"] for message in messages if message.topic == RESULTS and not message.retained]


def expected(count: int) -> list[str]:
    """The ids of so many records."""
    return [f"r-{number}" for number in range(count)]


def judge(arrived: list[str], count: int) -> None:
    """None lost, none twice, in order."""
    lost = set(expected(count)) - set(arrived)
    assert not lost, f"{len(lost)} of {count} lost, such as {sorted(lost)[:3]}"
    assert len(arrived) == count, f"{len(arrived) - count} of {count} arrived twice"
    assert arrived == expected(count), "not in order"


def sink(broker: Broker, more: str = "") -> str:
    """The sink's lines, with a spool."""
    return f"  - mqtt: {{broker: 'mqtt://127.0.0.1:{broker.port}', spool: {{path: '{{folder}}/spool'}}{more}}}\n"


def check_broker_away(binary: str, full: bool) -> str:
    """The broker is away for a while: its results are kept and sent."""
    away_s = 600 if full else 20
    with (
        Broker() as broker,
        Subscriber(broker.port, "edgefuse/#") as subscriber,
        Device(binary, sink(broker)) as device,
    ):
        device.feed(15, PER_SECOND)
        subscriber.wait("results", lambda messages: len(ids(messages)) == 15)
        broker.stop()
        device.feed(round(away_s * PER_SECOND), PER_SECOND)
        kept = device.metric("sink_waiting", "mqtt")
        broker.start()
        device.feed(15, PER_SECOND)
        device.wait("everything sent", lambda: device.metric("sink_delivered_total", "mqtt") >= device.next)
        messages = subscriber.wait("results", lambda messages: len(ids(messages)) >= device.next)
        time.sleep(2)
        judge(ids(subscriber.messages), device.next)
        assert device.metric("sink_waiting", "mqtt") == 0
        said = device.stop()
        assert times(said, "results are kept until it is back") == 1, said
        assert times(said, "connected again after") == 1 and times(said, "kept and sent") == 1, said
        availability = [it.payload for it in messages if it.topic == "edgefuse/bench/availability"]
        assert availability[0] == b"online", availability
    return f"away {away_s} s, {kept:.0f} kept; {device.next} results, none lost, none twice, in order"


def check_killed_while_away(binary: str, _full: bool) -> str:
    """The process is killed while the broker is away, five times: what it kept is sent after the next start."""
    with (
        Broker() as broker,
        Subscriber(broker.port, "edgefuse/#") as subscriber,
        Device(binary, sink(broker)) as device,
    ):
        broker.stop()
        for kill in range(1, 6):
            device.feed(20)
            device.wait("results kept", lambda: device.metric("sink_waiting", "mqtt") == 20 * kill)  # noqa: B023
            device.kill()
            device.start()
        broker.start()
        subscriber.wait("results", lambda messages: len(ids(messages)) >= device.next)
        time.sleep(2)
        judge(ids(subscriber.messages), device.next)
        device.stop()
    return f"5 kills, {device.next} results, none lost, none twice, in order"


def check_home_assistant(binary: str, _full: bool) -> str:
    """Entities, availability and last will, commands, pictures."""
    more = ", discovery: homeassistant, images: true"
    with (
        Broker() as broker,
        Subscriber(broker.port, "edgefuse/#", "homeassistant/#") as subscriber,
        Device(binary, sink(broker, more), sources=LINES + _CAMERA) as device,
    ):
        device.feed(1)
        base = "homeassistant/sensor/edgefuse_bench"
        for topic in (f"{base}/lines_fusion/config", f"{base}/door_caption/config"):
            entity = subscriber.first(topic).json()
            assert entity["availability_mode"] == "all" and entity["device"]["name"] == "bench", entity
            assert entity["state_topic"].startswith("edgefuse/bench/"), entity
        image = subscriber.first("homeassistant/image/edgefuse_bench/door_image/config").json()
        assert subscriber.first(image["image_topic"]).payload.startswith(b"\xff\xd8\xff")
        assert subscriber.first("edgefuse/bench/door/availability").payload == b"online"
        result = subscriber.first("edgefuse/bench/door/caption").json()
        assert result["said"] == result["text"] and 0 <= result["confidence"] <= 1, result
        subscriber.publish("edgefuse/bench/door/ask", b"what is it?")
        answer = subscriber.first("edgefuse/bench/door/answer").json()
        assert answer["question"] == "what is it?", answer
        subscriber.publish("edgefuse/bench/lines/caption/get", b"")
        assert "no camera" in subscriber.first("edgefuse/bench/lines/error").json()["error"]
        # A Home Assistant that starts gets everything again; a subscriber that comes late gets what is retained.
        subscriber.clear()
        subscriber.publish("homeassistant/status", b"online")
        subscriber.first(f"{base}/lines_fusion/config")
        device.kill()
        subscriber.first("edgefuse/bench/availability", lambda payload: payload == b"offline")
        device.start()
        subscriber.first("edgefuse/bench/availability", lambda payload: payload == b"online")
        device.stop()
        offline = [it.payload for it in subscriber.messages if it.topic == "edgefuse/bench/availability"]
        assert offline[-1] == b"offline", offline
    return "entities, pictures, availability, last will, commands"


def check_credentials(binary: str, _full: bool) -> str:
    """A password that is wrong, and one that is right; neither is printed."""
    with (
        Broker({"board": "s3cret", "judge": "j"}) as broker,
        Subscriber(broker.port, "edgefuse/#", credentials=("judge", "j")) as subscriber,
    ):
        place = f"127.0.0.1:{broker.port}"
        with Device(binary, f"  - mqtt: {{broker: 'mqtt://board:wr0ng@{place}'}}\n") as device:
            device.wait("a refusal", lambda: "refuses the user or the password" in device.said())
            said = device.stop()
        assert "wr0ng" not in said and place in said, said
        with Device(binary, f"  - mqtt: {{broker: 'mqtt://board:s3cret@{place}'}}\n") as device:
            device.feed(1)
            subscriber.wait("results", lambda messages: len(ids(messages)) == 1)
            assert "s3cret" not in device.stop()
    return "refused and accepted"
