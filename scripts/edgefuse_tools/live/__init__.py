"""Judges the sources and sinks of `edgefuse serve` by real parts: Mosquitto, paho-mqtt, a webhook receiver, a full disk."""
