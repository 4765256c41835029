"""The page in the browser under all conditions: errors, a key, missing models, a keyboard, a phone, the dark."""

from __future__ import annotations

import json
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from .browser import DESKTOP, PHONE, UNSAFE_HOST, opened, screenshot
from .browser_functions import started
from .openai_checks import DATA
from .server import ROOT, Server

KEY = "0123456789abcdef0123456789abcdef"

# Everything that a person can operate and that is neither hidden, nor disabled, nor a word of a transcript, which the
# arrow keys reach.
CONTROLS = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, audio')]
    .filter((it) => it.checkVisibility() && !it.matches(':disabled, .word'))
    .map((it) => it.id || it.getAttribute('href') || it.tagName)"""

# What has the focus, and whether that is visible: an outline of it, or of the label that stands for a file input.
FOCUS = """() => {
    const it = document.activeElement;
    if (!it || it === document.body) return null;
    const style = getComputedStyle(it.matches('.file') ? it.nextElementSibling : it);
    const name = it.id || it.getAttribute('href') || (it.matches('.word') ? 'word' : it.tagName);
    return [name, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0];
}"""


def check_keyboard(page: Page, server: Server) -> None:
    """Tab reaches every control, one after the other, and shows where it is."""
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.locator("body").evaluate("(body) => { body.tabIndex = -1; body.focus(); body.removeAttribute('tabindex'); }")
    wanted: set[str] = set(page.evaluate(CONTROLS))
    reached: list[str] = []
    # The controls of a player are stops of their own.
    for _ in range(2 * len(wanted) + 30):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None or (reached and focus[0] == reached[0]):
            break
        reached.append(focus[0])
        assert focus[1], f"the focus is invisible on {focus[0]}"
    assert wanted <= set(reached), f"Tab does not reach {sorted(wanted - set(reached))}"
    assert reached.count("word") == 1, reached


def check_access(page: Page, server: Server) -> None:
    """No violations of WCAG 2 A and AA that axe can find, and nothing wider than the screen."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(size)
            rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
            found = Axe().run(page, options=rules).response["violations"]
            brief = [(it["id"], [node["html"][:200] for node in it["nodes"]]) for it in found]
            assert not brief, (scheme, name, brief)
            width = page.evaluate("document.scrollingElement.scrollWidth")
            assert width <= size["width"], f"{name}: {width} pixels wide"
            page.evaluate("scrollTo(0, 0)")
            screenshot(page, f"page-{name}-{scheme}")


def check_errors(browser: Browser, server: Server) -> None:
    """An error is what the service said, with the id of the request; the next picture works."""
    with opened(browser, server.url, failures=True, viewport=PHONE) as page:
        started(page)
        with page.expect_response("**/v1/chat/completions") as answer:
            page.set_input_files("#picture-file", DATA / "bad/text.png")
        problem = page.locator("#picture-caption-task .problem")
        expect(problem).to_contain_text(answer.value.json()["error"]["message"])
        expect(problem).to_contain_text(answer.value.headers["x-request-id"])
        page.fill("#student-sensors input >> nth=0", "1")
        page.click("#student-form button.main")
        expect(page.locator("#student-task .problem")).to_contain_text(
            "is missing; the student accepts red (of full scale)"
        )
        page.fill("#live-language", "klingon")
        page.click("#live-button")
        expect(page.locator("#live-problem")).to_contain_text("klingon")
        expect(page.locator("#live-button")).to_have_text("Start")
        screenshot(page, "errors-phone-light")
        page.set_input_files("#picture-file", DATA / "easyvqa-23.png")
        expect(page.locator("#picture-caption")).to_have_text("a blue rectangle")
        expect(problem).to_be_hidden()


def check_key(browser: Browser, binary: str, folder: Path) -> None:
    """A service that needs a key, under a name for which browsers do not allow the microphone, and under one for which they
    do: the page asks for the key, and its WebSocket sends it."""
    (folder / "key").write_text(f"{KEY}\n")
    with Server(binary, "tests/fixtures/tiny/device.yaml", http=f"api_key_file: {folder / 'key'}") as server:
        with opened(browser, f"http://{UNSAFE_HOST}:{server.port}", failures=True, viewport=DESKTOP) as page:
            expect(page.locator("#key-reason")).to_contain_text("Authorization: Bearer KEY")
            page.keyboard.press("Escape")
            expect(page.locator("#board-pill")).to_have_text("key needed")
            page.click("#key-button")
            page.fill("#key-field", "wrong")
            page.keyboard.press("Enter")
            # It was refused, so it is asked for again.
            expect(page.locator("#key-field")).to_have_value("")
            expect(page.locator("#key-dialog")).to_be_visible()
            screenshot(page, "key-desktop-light")
            page.fill("#key-field", KEY)
            page.keyboard.press("Enter")
            started(page)
            page.reload()
            started(page)
            expect(page.locator("#live-lack")).to_contain_text("only on https:// and on http://localhost")
            expect(page.locator("#live-button")).to_be_disabled()
            page.click("#key-button")
            expect(page.locator("#key-dialog")).to_be_visible()
        with opened(browser, server.url, failures=True, viewport=DESKTOP) as page:
            page.fill("#key-field", KEY)
            page.keyboard.press("Enter")
            started(page)
            page.click("#live-button")
            expect(page.locator("#live-button")).to_have_text("Stop")
            page.click("#live-button")
            expect(page.locator("#live-button")).to_have_text("Start")
            expect(page.locator("#live-problem")).to_be_hidden()


def check_lacks(browser: Browser, binary: str, folder: Path) -> None:
    """A device that has a student only: the page offers what it has, and says what it lacks."""
    config = folder / "student.yaml"
    models = {"student": {"path": str(ROOT / "tests/fixtures/student/raw")}}
    config.write_text(json.dumps({"device": "student-only", "execution_providers": ["cpu"], "models": models}))
    with (
        Server(binary, str(config)) as server,
        opened(browser, server.url, viewport=DESKTOP, color_scheme="dark") as page,
    ):
        started(page)
        expect(page.locator("#picture-lack")).to_contain_text("no model of this device")
        for button in ("#picture-caption-form button", "#picture-ask button", "#picture-match button", "#live-button"):
            expect(page.locator(button)).to_be_disabled()
        for part in ("live", "recording"):
            expect(page.locator(f"#{part}-lack")).to_contain_text("“transcribe”")
        expect(page.locator("#student-form button.main")).to_be_enabled()
        screenshot(page, "lacks-desktop-dark")
