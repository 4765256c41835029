"""scripts/bench.py: the parts that need no engine."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from edgefuse_tools.bench import audio, blip_report, chart, edgefuse_model, paths, report, stats, store
from edgefuse_tools.bench.blip_variants import BEAMS, CAPTION, TITLES, variants
from edgefuse_tools.bench.child import Child
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.process import run
from edgefuse_tools.bench.variants import CLIP, COLD, LONG, SHIPPED_CONTEXT, WER, edgefuse, peers
from edgefuse_tools.bench.wer import Score, score, word_errors


def section() -> dict[str, Any]:
    """Results of a run, with one batched peer and one without the long workload."""
    times = {
        "edgefuse fp32": {CLIP: 0.5, LONG: 20.0, COLD: 0.6},
        "edgefuse fp32 batch 8": {LONG: 10.0},
        "peer": {CLIP: 1.0, COLD: 1.2},
        "peer batch 8": {LONG: 25.0},
    }
    engines = {
        name: {
            workload: {"seconds": [time], "median": time, "peak_bytes": 100_000_000, "text": "a"}
            for workload, time in measured.items()
        }
        for name, measured in times.items()
    }
    engines["peer"][WER] = {"greedy": {"rate": 0.0625, "errors": 1, "words": 16, "texts": {}}}
    ours = ["edgefuse fp32", "edgefuse fp32 batch 8"]
    ratios = {
        workload: stats.ratios({name: one[workload] for name, one in times.items() if workload in one}, ours)
        for workload in (CLIP, LONG, COLD)
    }
    machine = {"cpu": "A <CPU>", "flags": ["avx2"], "threads": 2}
    return {
        "date": "2000-01-02",
        "commit": "abc",
        "machine": machine,
        "versions": {"peer": "1.0"},
        "headline": {"sequential": ours[0], "batched": ours[1]},
        "engines": engines,
        "ratios": ratios,
        "not_run": [{"engine": "other", "workload": "all", "why": "is not installed"}],
    }


@pytest.mark.parametrize(
    ("reference", "found", "errors"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a x c", 1),
        ("a b c", "a c", 1),
        ("a b c", "a b b c", 1),
        ("a b c", "", 3),
        ("", "a b", 2),
        ("a b c d", "b c d a", 2),
    ],
)
def test_word_errors(reference: str, found: str, errors: int) -> None:
    assert word_errors(reference.split(), found.split()) == errors


def test_the_rate_is_over_all_words_together() -> None:
    total = score([("One two three four", "one two three four"), ("five", "six seven")], str.lower)
    assert total == Score(errors=2, words=5)
    assert total.rate == 0.4
    assert Score(0, 0).rate == 0.0
    assert Score(2, 0).rate == 1.0


def test_medians_and_ratios() -> None:
    assert stats.median([3.0, 1.0, 2.0]) == 2.0
    assert stats.median([1.0, 2.0]) == 1.5
    with pytest.raises(ValueError, match="no times"):
        stats.median([])
    assert stats.ratios({"ours": 2.0, "peer": 5.0}, ["ours", "not run"]) == {"peer": {"ours": 2.5}}


def test_a_batched_peer_is_compared_with_edgefuse_in_batches() -> None:
    rows = {
        row.split(" | ")[0].strip("| "): row.strip("| ").split(" | ") for row in report.table(section()).splitlines()
    }
    assert rows["peer"][1:4] == ["1.00 s (2.0×)", "–", "1.20 s (2.0×)"]
    assert rows["peer"][6:] == ["6.2 %", "–"]
    assert rows["peer batch 8"][2] == "25.00 s (2.5×)"
    assert rows["edgefuse fp32"][1:5] == ["0.50 s", "20.00 s", "0.60 s", "100 MB"]
    assert all(len(row) == len(report.HEADER) for row in rows.values())


def test_the_section_of_the_readme_is_replaced_and_nothing_else() -> None:
    text = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    replaced = report.replace_section(text, "new")
    assert replaced == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"
    assert report.replace_section(replaced, "old") == text
    for broken in ("no markers", f"{report.END} {report.BEGIN}", report.BEGIN * 2 + report.END):
        with pytest.raises(BenchError, match="README.md: expected"):
            report.replace_section(broken, "new")


def test_the_readme_has_the_markers() -> None:
    report.replace_section(paths.README.read_text(encoding="utf-8"), report.EMPTY)


def test_the_page_lists_what_did_not_run() -> None:
    page = report.page({"models": {"tiny.en": section()}})
    assert "- other (all): is not installed" in page
    assert "A <CPU> (avx2), 2 threads; 2000-01-02, commit abc; peer 1.0." in page
    assert report.readme_section({"models": {}}) == report.EMPTY


def test_the_chart_is_an_image_whose_bars_have_the_lengths_of_the_times() -> None:
    root = ElementTree.fromstring(chart.chart({"tiny.en": section()}))
    bars = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(bars) == 2 + 3 + 2
    assert bars[0] * 2 == pytest.approx(bars[1], abs=0.2)  # the clip: 0.5 and 1.0 s
    assert bars[2] == pytest.approx(bars[4] * 20 / 25, abs=0.2)  # long: 20 and 25 s


def test_results_are_written_whole_and_by_model(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "whisper.json"
    assert store.read(path)["models"] == {}
    store.write(path, {"format": store.FORMAT, "models": {"base": {"date": "x"}}})
    assert store.read(path)["models"]["base"] == {"date": "x"}
    with pytest.raises(TypeError):
        store.write(path, {"cannot be written": object()})
    assert store.read(path)["models"]["base"] == {"date": "x"}
    assert [file.name for file in path.parent.iterdir()] == ["whisper.json"]
    path.write_text('{"format": 0}')
    with pytest.raises(BenchError, match=r"whisper.json: not a file of benchmark results"):
        store.read(path)


def test_the_recordings_have_the_lengths_of_their_names(tmp_path: Path) -> None:
    clip = audio.make_clip(paths.DATA, None, tmp_path / "clip.wav")
    assert clip.seconds == audio.CLIP_SECONDS
    recordings = audio.speech(paths.DATA, None)
    long = audio.make_long(recordings, tmp_path / "long.wav", seconds=100)
    assert long.seconds == 100
    # The second round begins with the second recording.
    texts = [recording.text for recording in recordings]
    assert long.text.startswith(" ".join([*texts, *texts[1:], texts[0], *texts[2:4]]))
    first = audio.read_samples(recordings[0].path)
    samples = audio.read_samples(long.path)
    assert samples.startswith(first + bytes(audio.pause(0)) + audio.read_samples(recordings[1].path))
    assert long.sha256 == audio.make_long(recordings, tmp_path / "again.wav", seconds=100).sha256


def test_a_recording_in_another_format_is_refused() -> None:
    with pytest.raises(BenchError, match="8-bit.wav: expected 16-bit mono at 16000 Hz"):
        audio.read_samples(paths.DATA / "formats" / "8-bit.wav")
    with pytest.raises(BenchError, match="text.wav"):
        audio.read_samples(paths.DATA / "bad" / "text.wav")


def test_the_shipped_precision_comes_first() -> None:
    assert edgefuse_model.order({"q4", "fp32", "int8", "other"}, "int8") == ["int8", "fp32", "q4", "other"]
    variants = edgefuse(["int8", "fp32"])
    assert [one.name for one in variants] == [
        "edgefuse int8",
        "edgefuse int8 auto context",
        "edgefuse int8 batch 8",
        "edgefuse fp32",
    ]
    names = [one.name for one in [*variants, *peers()]]
    assert len(set(names)) == len(names)


def test_a_device_file_keeps_what_is_shipped_but_threads_precision_and_models() -> None:
    shipped = {
        "runtime": {"threads": {"intra": 0, "spinning": True}, "on_missing_provider": "error"},
        "models": {
            "whisper": {"path": "onnx/a", "precision": "fp32", "kept": 1},
            "blip": {"path": "onnx/b"},
            "vad": {"path": "onnx/vad"},
        },
    }
    device = edgefuse_model.device_file(shipped, Path("/models/whisper"), "int8", threads=3, batched=False)
    assert device["runtime"]["threads"] == {"intra": 3, "inter": 1, "spinning": True}
    assert device["runtime"]["on_missing_provider"] == "error"
    assert device["models"] == {"whisper": {"path": "/models/whisper", "precision": "int8", "kept": 1}}
    by_graph = {"models": {"whisper": {"path": "x", "precision": {"encoder": "int8", "default": "q8"}}}}
    mixed = edgefuse_model.label(by_graph["models"]["whisper"]["precision"])
    assert mixed == "encoder int8, others q8"
    kept = edgefuse_model.device_file(by_graph, Path("/models/whisper"), mixed, threads=3, batched=False)
    assert kept["models"]["whisper"]["precision"] == {"encoder": "int8", "default": "q8"}
    batched = edgefuse_model.device_file(shipped, Path("/models/whisper"), "int8", threads=3, batched=True)
    assert batched["models"]["vad"] == {"path": str(paths.ROOT / "onnx/vad")}
    ours = edgefuse_model.shipped()
    assert ours["models"]["whisper"]["precision"]
    steps = [step["transcribe"] for step in ours["pipeline"] if "transcribe" in step]
    assert steps[0].get("encoder_context", "full") == SHIPPED_CONTEXT


def test_an_engine_that_cannot_be_loaded_is_a_one_line_error() -> None:
    environment = {"PYTHONPATH": str(paths.SCRIPTS)}
    with Child("no_such_engine", environment, paths.SCRIPTS) as child:
        with pytest.raises(BenchError, match="No module named 'edgefuse_tools.bench.engines.no_such_engine'"):
            child.load({})
        with pytest.raises(BenchError, match="not loaded"):  # and the process goes on
            child.transcribe(Path("x.wav"))


def test_a_command_is_timed_measured_and_ended(tmp_path: Path) -> None:
    held = "x = bytearray(80 << 20); print('out'); import sys; print('complaint', file=sys.stderr); sys.exit(3)"
    done = run([sys.executable, "-c", held], {}, tmp_path)
    assert (done.code, done.output, done.complaint) == (3, "out\n", "complaint\n")
    assert done.peak_bytes > 80 << 20
    with pytest.raises(BenchError, match="not finished after 0 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path, limit=0.2)
    with pytest.raises(BenchError, match="no-such-program: No such file"):
        run(["no-such-program"], {}, tmp_path)


def blip_section() -> dict[str, Any]:
    times = {
        "edgefuse q8": {CAPTION: 0.5, BEAMS: 1.0},
        "onnxruntime q8": {CAPTION: 0.6},
        "transformers fp32": {CAPTION: 1.5, BEAMS: 4.0},
    }
    engines = {
        name: {one: {"seconds": [time], "median": time, "peak_bytes": 2_000_000} for one, time in measured.items()}
        for name, measured in times.items()
    }
    ratios = {
        workload: stats.ratios({name: one[workload] for name, one in times.items() if workload in one}, ["edgefuse q8"])
        for workload in (CAPTION, BEAMS)
    }
    return section() | {"engines": engines, "ratios": ratios, "headline": "edgefuse q8"}


def test_the_table_of_blip() -> None:
    """Every row is as long as the header; a peer's time is followed by its ratio to the headline's."""
    lines = [line.strip("| ").split(" | ") for line in blip_report.table(blip_section()).splitlines()]
    assert all(len(line) == len(blip_report.HEADER) for line in lines)
    rows = {line[0]: line for line in lines}
    assert rows["transformers fp32"][1:] == ["–", "1.50 s (3.0×)", "4.00 s (4.0×)", "–", "2 MB"]
    assert rows["edgefuse q8"][2] == "0.50 s" and rows["onnxruntime q8"][3] == "–"


def test_blip_has_a_readme_section_and_a_chart() -> None:
    readme = paths.README.read_text(encoding="utf-8")
    results = {"models": {"base": blip_section()}}
    text = blip_report.readme_section(results)
    replaced = report.replace_section(readme, text, blip_report.BEGIN, blip_report.END)
    assert text in replaced
    assert "blip.svg" in blip_report.page(results) and blip_report.readme_section({"models": {}}) == blip_report.EMPTY
    drawn = ElementTree.fromstring(chart.chart(results["models"], TITLES))
    assert len([one for one in drawn.iter() if one.tag.endswith("rect")]) == 5


def test_every_variant_of_blip_has_an_engine_and_known_workloads() -> None:
    assert variants()[0].name.startswith("edgefuse")
    for one in variants():
        assert (paths.SCRIPTS / "edgefuse_tools/bench/engines" / f"{one.engine}.py").is_file()
        assert set(one.workloads) <= set(TITLES)
