"""Judges sources and sinks by real parts; scripts/test_live.sh runs it with paho-mqtt installed."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from edgefuse_tools.debian import NotRun
from edgefuse_tools.live.mqtt_checks import (
    check_broker_away,
    check_credentials,
    check_home_assistant,
    check_killed_while_away,
)
from edgefuse_tools.live.other_checks import check_disk_full, check_webhook
from edgefuse_tools.live.source_checks import (
    check_alsa,
    check_examples,
    check_killed_sources,
    check_network_cameras,
    check_video_devices,
)
from edgefuse_tools.live.tls_checks import check_tls

CHECKS: tuple[tuple[str, Callable[[str, bool], str]], ...] = (
    ("mqtt: broker away", check_broker_away),
    ("mqtt: killed meanwhile", check_killed_while_away),
    ("mqtt: Home Assistant", check_home_assistant),
    ("mqtt: credentials", check_credentials),
    ("webhook", check_webhook),
    ("tls", check_tls),
    ("disk full", check_disk_full),
    ("examples", check_examples),
    ("alsa", check_alsa),
    ("cameras over the network", check_network_cameras),
    ("killed sources", check_killed_sources),
    ("video devices", check_video_devices),
)


def main() -> None:
    """Runs the checks, or those whose name contains a word."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="target/release/edgefuse")
    parser.add_argument("--full", action="store_true", help="outages of ten minutes rather than seconds")
    parser.add_argument("only", nargs="*", help="parts of the names of the checks to run")
    arguments = parser.parse_args()
    for name, check in CHECKS:
        if arguments.only and not any(part in name for part in arguments.only):
            continue
        began = time.monotonic()
        try:
            found = check(arguments.binary, arguments.full)
        except NotRun as reason:
            print(f"{name:24} not run: {reason}", flush=True)
            continue
        print(f"{name:24} ok in {time.monotonic() - began:.0f} s: {found}", flush=True)


if __name__ == "__main__":
    main()
