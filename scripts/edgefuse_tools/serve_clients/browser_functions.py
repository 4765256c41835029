"""What the page in the browser does: pictures, recordings, live text, the student, the board."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from .openai_checks import DATA, words
from .server import Server

# What the microphone hears.
HEARD = DATA / "librivox-0880.wav"


def started(page: Page) -> None:
    """Waits until the page shows the board's state."""
    expect(page.locator("#board-pill")).to_have_text("ready")


def check_picture(page: Page, server: Server) -> None:
    """Caption, answer and matches, in order of fit."""
    page.set_input_files("#picture-file", DATA / "easyvqa-23.png")
    expect(page.locator("#picture-caption")).to_have_text("a blue rectangle")
    page.fill("#picture-question", "what shape is in the image")
    page.press("#picture-question", "Enter")
    expect(page.locator("#picture-answers dt")).to_have_text("what shape is in the image?")
    expect(page.locator("#picture-answers dd")).to_have_text("rectangle")
    page.fill("#picture-texts", "a red circle\n\na blue rectangle\n")
    page.click("#picture-match button")
    rows = page.locator("#picture-matches tbody tr")
    expect(rows).to_have_count(2)
    assert [row.locator("th").inner_text() for row in rows.all()] == ["a blue rectangle", "a red circle"]
    assert re.fullmatch(r"\d+\.\d %", rows.first.locator("td").first.inner_text())


def check_recording(page: Page, server: Server) -> None:
    """The transcript of the command line, whose words move the player, and its subtitles."""
    recording = DATA / "librivox-0870.wav"
    page.set_input_files("#recording-file", recording)
    transcript = page.locator("#recording-transcript")
    expect(transcript.locator("button").first).to_be_visible()
    shown = " ".join(transcript.locator("button").all_inner_texts())
    assert words(shown) == words(server.printed("transcribe", str(recording))), shown

    def time() -> float:
        return float(page.evaluate("document.getElementById('recording-player').currentTime"))

    def start(word: int) -> float:
        minutes, seconds = (transcript.locator("button").nth(word).get_attribute("title") or "").split(":")
        return 60 * int(minutes) + float(seconds)

    page.evaluate("document.getElementById('recording-player').muted = true")
    transcript.locator("button").nth(6).click()
    expect(transcript.locator("[aria-current]")).not_to_have_count(0)
    assert time() >= start(6) - 0.06, (time(), start(6))
    page.evaluate("document.getElementById('recording-player').pause()")
    # With the keyboard: back to the first word, one on, and play.
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(transcript.locator("button").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.evaluate("document.getElementById('recording-player').pause()")
    assert start(1) - 0.06 <= time() < start(6), (time(), start(1))

    with page.expect_download() as download:
        page.click("#recording-srt")
    assert download.value.suggested_filename == "librivox-0870.srt"
    text = Path(download.value.path()).read_text()
    assert text == server.printed("--format", "srt", "transcribe", str(recording)), text


def check_live(page: Page, server: Server) -> None:
    """Text of the microphone as the command line writes it, and again after a stop."""
    expected = words(server.printed("transcribe", str(HEARD)))
    for _ in range(2):
        page.click("#live-clear") if page.locator("#live-clear").is_visible() else None
        page.click("#live-button")
        expect(page.locator("#live-button")).to_have_text("Stop")
        line = page.locator("#live-log p").first
        expect(line).to_be_visible()
        assert words(line.inner_text()) == expected, line.inner_text()
        page.click("#live-button")
        expect(page.locator("#live-button")).to_have_text("Start")
        expect(page.locator("#live-problem")).to_be_hidden()
        expect(page.locator("#live-partial p")).to_have_count(0)


def check_resampler(page: Page, server: Server) -> None:
    """A tone within the band keeps its level, and one above it is removed, whatever the size of the blocks."""
    script = """async ([from, to, tone, block]) => {
        const { Resampler } = await import('/page/resampler.js');
        const resampler = new Resampler(from, to);
        const out = [];
        for (let at = 0; at < from; at += block) {
            const samples = Float32Array.from({ length: block }, (_, k) => Math.sin(2 * Math.PI * tone * (at + k) / from));
            out.push(...resampler.push(samples));
        }
        const middle = out.slice(2000, -2000);
        const expected = Math.ceil(from / block) * block * to / from;
        return [out.length / expected, Math.sqrt(2 * middle.reduce((sum, it) => sum + it * it, 0) / middle.length)];
    }"""
    for rate in (48_000, 44_100, 16_000, 8_000):
        for target in (16_000, 24_000):
            for block in (128, 1_000):
                lowest = min(rate, target)
                length, kept = page.evaluate(script, [rate, target, lowest // 4, block])
                # A few samples wait for those that the filter needs after them.
                assert 0.99 < length <= 1.0 and abs(kept - 1.0) < 0.01, (rate, target, length, kept)
                if rate > target:
                    _, rest = page.evaluate(script, [rate, target, target * 0.6, block])
                    assert rest < 0.01, (rate, target, rest)


def check_student(page: Page, server: Server) -> None:
    """Decisions from a picture with a question, from sound, and from sensors."""
    label = page.locator("#student-result .label")
    page.set_input_files("#student-image", DATA / "easyvqa-23.png")
    page.fill("#student-text", "what color is the shape?")
    page.press("#student-text", "Enter")
    expect(label).to_have_text("blue")
    page.fill("#student-text", "")
    page.set_input_files("#student-audio", DATA / "question-shape.wav")
    page.click("#student-form button.main")
    expect(label).to_have_text("rectangle")
    expect(page.locator("#student-result p")).to_contain_text("image, audio")
    page.click("#student-image-remove")
    page.click("#student-audio-remove")
    page.fill("#student-text", "what color is the shape?")
    for sensor, reading in (("red", "0.7"), ("green", "0.02"), ("blue", "0.02"), ("clear", "0.25")):
        page.get_by_label(f"{sensor} (of full scale)").fill(reading)
    page.click("#student-form button.main")
    expect(label).to_have_text("red")
    expect(page.locator("#student-result p")).to_contain_text("text, sensors")
    assert page.locator("#student-result tbody tr").count() == 13


def check_board(page: Page, server: Server) -> None:
    """The models, the memory, the queue, and the latencies of what was done before."""
    page.click("#board-refresh")
    expect(page.locator("#board-steps th", has_text="caption")).to_be_visible()
    models = page.locator("#board-models")
    for name in ("whisper", "blip", "student", "vad"):
        expect(models.locator("strong", has_text=re.compile(f"^{name}$"))).to_be_visible()
    expect(models.locator("li", has_text="blip-easyvqa").locator(".pill")).to_have_text("loaded")
    facts = page.locator("#board-facts").inner_text()
    for expected in (r"Memory\n[\d.]+ [MG]iB", r"Running\n\d+ of 2", r"Waiting\n\d+ of 4", r"ONNX Runtime\n1\.\d+"):
        assert re.search(expected, facts), (expected, facts)
    steps = {row.locator("th").inner_text() for row in page.locator("#board-steps tr").all()}
    assert {"transcript", "caption", "answer", "match", "fusion"} <= steps, steps
