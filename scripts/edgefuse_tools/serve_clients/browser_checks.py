"""The page in the browser, used as a person would."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from .browser import DESKTOP, browser, microphone, opened
from .browser_conditions import check_access, check_errors, check_key, check_keyboard, check_lacks
from .browser_functions import (
    HEARD,
    check_board,
    check_live,
    check_picture,
    check_recording,
    check_resampler,
    check_student,
    started,
)
from .server import Server

# On one page, whose results the later ones look at.
CHECKS: tuple[tuple[str, Callable[[Page, Server], None]], ...] = (
    ("picture", check_picture),
    ("recording", check_recording),
    ("student", check_student),
    ("live", check_live),
    ("resampler", check_resampler),
    ("board", check_board),
    ("keyboard", check_keyboard),
    ("accessibility", check_access),
)


def check_page(server: Server) -> None:
    """Every check, in one browser."""
    with tempfile.TemporaryDirectory(prefix="edgefuse-page-") as temporary:
        folder = Path(temporary)
        with browser(microphone(HEARD, folder)) as launched:
            with opened(launched, server.url, viewport=DESKTOP) as page:
                started(page)
                for name, check in CHECKS:
                    check(page, server)
                    print(f"  page: {name:16} ok", flush=True)
            check_errors(launched, server)
            print("  page: errors           ok", flush=True)
            for name, check_other in (("key", check_key), ("lacks", check_lacks)):
                check_other(launched, server.command[0], folder)
                print(f"  page: {name:16} ok", flush=True)
