"""Debian's Chromium, driven by Playwright: pages that report errors of their scripts and calls of other origins."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from edgefuse_tools import debian

from .server import PATIENCE_S, ROOT

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1360, "height": 900}

# A name of this machine that is not `localhost`: for a browser, a page of another machine without TLS.
UNSAFE_HOST = "board.test"

# What Chromium prints about an answer with an error status.
STATUS = "Failed to load resource: the server responded with a status of"


def microphone(recording: Path, folder: Path) -> Path:
    """What a fake microphone hears again and again: the recording, and two seconds of silence after it."""
    heard = folder / "microphone.wav"
    with wave.open(str(recording), "rb") as source, wave.open(str(heard), "wb") as target:
        target.setparams(source.getparams())
        target.writeframes(source.readframes(source.getnframes()))
        target.writeframes(bytes(2 * source.getframerate() * source.getsampwidth()))
    return heard


@contextmanager
def browser(heard: Path) -> Iterator[Browser]:
    """A browser whose microphone is a file."""
    path = debian.program("chromium", "chromium", "fonts-dejavu-core")
    expect.set_options(timeout=PATIENCE_S * 1000)
    arguments = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
        f"--host-resolver-rules=MAP {UNSAFE_HOST} 127.0.0.1",
    ]
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work for root.
        launched = playwright.chromium.launch(executable_path=path, args=arguments, chromium_sandbox=os.geteuid() != 0)
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def opened(browser: Browser, url: str, *, failures: bool = False, **options: Any) -> Iterator[Page]:
    """The page at this address. At the end its scripts must have reported no error, and called no other origin. Calls that
    the service refuses are errors, too, unless `failures` are expected."""
    context = browser.new_context(base_url=url, locale="en-GB", **options)
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    problems: list[str] = []

    def said(message: ConsoleMessage) -> None:
        expected = failures and message.text.startswith(STATUS)
        if message.type in ("error", "warning") and not expected:
            problems.append(f"console: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith((f"{url}/", "blob:", "data:")):
            problems.append(f"request to another origin: {request.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on("request", asked)
    page.on(
        "websocket",
        lambda socket: None if socket.url.startswith(url.replace("http", "ws")) else problems.append(socket.url),
    )
    page.goto("/")
    try:
        yield page
        assert not problems, problems
    finally:
        context.close()


def screenshot(page: Page, name: str) -> None:
    """A picture of the whole page in `$SERVE_SCREENSHOTS`, or build/screenshots."""
    folder = Path(os.environ.get("SERVE_SCREENSHOTS") or ROOT / "build/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
