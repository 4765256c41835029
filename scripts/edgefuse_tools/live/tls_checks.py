"""Sinks over TLS."""

from __future__ import annotations

import tempfile

from edgefuse_tools.live.broker import Broker
from edgefuse_tools.live.certificates import Authority
from edgefuse_tools.live.device import Device, times
from edgefuse_tools.live.mqtt_checks import ids, judge
from edgefuse_tools.live.receiver import Receiver
from edgefuse_tools.live.subscriber import Subscriber


def check_tls(binary: str, _full: bool) -> str:
    """A broker that asks for a certificate, and a receiver, both with certificates of an authority of their own."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(folder, "server", "device")
        trust = f"ca_file: {authority['ca.pem']}"
        shown = f"cert_file: {authority['device.pem']}, key_file: {authority['device.key']}"
        with (
            Broker(tls=authority) as broker,
            Subscriber(broker.port, "edgefuse/#") as subscriber,
            Receiver(tls=authority) as receiver,
        ):
            mqtt, hook = f"mqtts://localhost:{broker.tls_port}", f"https://localhost:{receiver.port}/hook"
            sinks = (
                f"  - mqtt: {{broker: '{mqtt}', tls: {{{trust}, {shown}}}}}\n"
                f"  - webhook: {{url: '{hook}', tls: {{{trust}}}}}\n"
            )
            with Device(binary, sinks) as device:
                device.feed(10)
                judge(ids(subscriber.wait("results", lambda messages: len(ids(messages)) == 10)), 10)
                device.wait("requests", lambda: len(receiver.taken()) == 10)
                judge([request.json()["id"] for request in receiver.taken()], 10)
                # A lost connection, and what was kept meanwhile.
                broker.stop()
                device.feed(10)
                broker.start()
                judge(ids(subscriber.wait("results", lambda messages: len(ids(messages)) >= 20)), 20)
                device.stop()
            sinks = (
                f"  - mqtt: {{broker: '{mqtt}', tls: {{{trust}}}}}\n"
                f"  - webhook: {{url: '{hook}'}}\n"
                f"  - webhook: {{url: 'https://localhost:{broker.port}/'}}\n"
            )
            with Device(binary, sinks) as device:
                device.feed(1)
                for hint in ("asks for a certificate", "`tls.ca_file`", "speak TLS on this port"):
                    device.wait(hint, lambda: times(device.said(), hint) == 1)  # noqa: B023
                device.stop()
    return "20 results at a broker that asks for a certificate, 10 at a receiver; three refusals explained"
