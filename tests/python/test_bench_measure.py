"""edgefuse_tools/bench/measure.py: the order of the rounds, and an engine that fails during them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from edgefuse_tools.bench.audio import Recording
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.measure import Bench
from edgefuse_tools.bench.variants import BEAM, CLIP, COLD, LONG, WER, Variant

Calls = list[tuple[str, str]]


class FakeChild:
    """An engine that takes one second more each time; "fails" fails from the second time on."""

    def __init__(self, name: str, calls: Calls) -> None:
        self._name, self._calls, self._times = name, calls, 0

    def __enter__(self) -> FakeChild:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.append((self._name, "ended"))

    def transcribe(self, audio: Path) -> dict[str, Any]:
        self._calls.append((self._name, audio.name))
        self._times += 1
        if self._name == "fails" and self._times > 1:
            raise BenchError("the process ended: exit code -11")
        return {"text": f"heard {audio.stem}", "seconds": float(self._times), "peak_bytes": 10 * self._times}


def variant(name: str, once: bool = False, workloads: tuple[str, ...] = (CLIP, LONG, COLD, WER)) -> Variant:
    return Variant(name, "fake", (), "ctranslate2", {"batch": 1}, workloads, once)


@pytest.fixture
def calls() -> Calls:
    return []


@pytest.fixture
def bench(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> Bench:
    clip, long = (Recording(Path(f"{name}.wav"), f"heard {name}", "a test") for name in ("clip", "long"))
    monkeypatch.setattr(Bench, "_child", lambda self, one, beams: FakeChild(one.name, calls))
    return Bench("tiny.en", 2, True, Path("edgefuse"), {}, clip, long, [clip, long], str.lower)


def test_the_engines_take_turns_after_a_warm_up(bench: Bench, calls: Calls) -> None:
    bench.long_in_process([variant("a"), variant("b", once=True)], repeats=2)
    warm_up, first, second = (
        [("a", "clip.wav"), ("b", "clip.wav")],
        [("a", "long.wav"), ("b", "long.wav")],
        [("a", "long.wav")],
    )
    assert calls == [*warm_up, *first, *second, ("b", "ended"), ("a", "ended")]
    bench.finish()
    assert bench.engines["a"][LONG]["seconds"] == [2.0, 3.0]
    assert bench.engines["a"][LONG]["median"] == 2.5
    assert bench.engines["a"][LONG]["peak_bytes"] == 30
    assert bench.engines["a"][LONG]["wer"]["errors"] == 0
    assert bench.engines["b"][LONG]["seconds"] == [2.0]
    assert bench.not_run == []


def test_an_engine_that_crashes_does_not_end_the_others(bench: Bench) -> None:
    bench.clip_in_process([variant("fails"), variant("a"), variant("other", workloads=(WER,))], repeats=2)
    assert list(bench.engines) == ["a"]
    assert bench.engines["a"][CLIP]["seconds"] == [2.0, 3.0]
    assert bench.not_run == [{"engine": "fails", "workload": CLIP, "why": "the process ended: exit code -11"}]


def test_word_errors_are_counted_over_every_recording_greedy_and_with_beams(bench: Bench) -> None:
    bench.word_errors([variant("a"), variant("fails")])
    assert set(bench.engines["a"][WER]) == {"greedy", f"beam {BEAM}"}
    assert bench.engines["a"][WER]["greedy"]["words"] == 4
    assert bench.engines["a"][WER]["greedy"]["texts"] == {"clip.wav": "heard clip", "long.wav": "heard long"}
    assert [note["workload"] for note in bench.not_run] == [WER, f"{WER}, {BEAM} beams"]


def test_an_engine_that_is_not_installed_is_recorded(bench: Bench) -> None:
    missing = Variant("x", "x", ("no-such-package-here",), "ctranslate2")
    assert bench.usable([missing]) == []
    assert bench.not_run[0]["why"].startswith("no-such-package-here is not installed; run")
