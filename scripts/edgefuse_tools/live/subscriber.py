"""A subscriber: paho-mqtt with a session that outlives its connections, so that it misses nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt

_PATIENCE_S = 120


class Message(NamedTuple):
    """A message as it arrived."""

    topic: str
    payload: bytes
    retained: bool

    def json(self) -> Any:
        """Its payload as JSON."""
        return json.loads(self.payload)


class Subscriber:
    """Keeps every message of the topics that it subscribes to."""

    def __init__(self, port: int, *topics: str, credentials: tuple[str, str] | None = None) -> None:
        self.messages: list[Message] = []
        self._arrived = threading.Condition()
        self._subscribed = threading.Event()
        self.topics = topics
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="judge", clean_session=False)
        if credentials is not None:
            self.client.username_pw_set(*credentials)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._subscribed.wait(_PATIENCE_S), "the broker does not answer"

    def _connected(self, client: mqtt.Client, _: Any, flags: mqtt.ConnectFlags, *__: Any) -> None:
        # A session that is still there has its subscriptions; subscribing again would repeat what is retained.
        if not flags.session_present:
            client.subscribe([(topic, 1) for topic in self.topics])

    def _take(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        with self._arrived:
            self.messages.append(Message(message.topic, message.payload, message.retain))
            self._arrived.notify_all()

    def wait(self, what: str, found: Callable[[list[Message]], bool], patience_s: float = _PATIENCE_S) -> list[Message]:
        """Waits until `found`; the messages so far."""
        until = time.monotonic() + patience_s
        with self._arrived:
            while not found(self.messages):
                left = until - time.monotonic()
                assert left > 0, f"{what}: not among {len(self.messages)} messages: {self.messages[-3:]}"
                self._arrived.wait(left)
            return list(self.messages)

    def first(self, topic: str, found: Callable[[bytes], bool] = lambda _: True) -> Message:
        """The first message of a topic whose payload is as wanted."""

        def matches(message: Message) -> bool:
            return message.topic == topic and found(message.payload)

        return next(filter(matches, self.wait(topic, lambda all_of: any(map(matches, all_of)))))

    def publish(self, topic: str, payload: bytes) -> None:
        """Publishes, and waits until the broker has it."""
        self.client.publish(topic, payload, qos=1).wait_for_publish(_PATIENCE_S)

    def clear(self) -> None:
        """Forgets what arrived."""
        with self._arrived:
            self.messages.clear()

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.disconnect()
        self.client.loop_stop()
