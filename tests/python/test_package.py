"""The package `edgefuse`, installed from a wheel, with the real models: scripts/test_package.sh."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

edgefuse = pytest.importorskip("edgefuse", reason="the package is not installed: scripts/test_package.sh installs it")

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs/cpu.yaml"
SOUND = ROOT / "tests/data/librivox-0870.wav"
PICTURE = ROOT / "tests/data/easyvqa-23.png"


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return edgefuse.Pipeline(CONFIG)


def run_python(program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own, since ONNX Runtime is one per process."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, **options
    )


def samples() -> np.ndarray[Any, np.dtype[np.float32]]:
    """The recording as float32 at 16 kHz."""
    import wave

    with wave.open(str(SOUND)) as file:
        assert file.getframerate() == 16_000 and file.getnchannels() == 1
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / np.float32(32_768)


def test_a_path_bytes_and_samples_have_the_same_transcript(pipeline: Any) -> None:
    by_path = pipeline.transcribe(SOUND)
    assert len(by_path.text.split()) > 5
    assert pipeline.transcribe(SOUND.read_bytes()).text == by_path.text
    assert pipeline.transcribe(samples()).text == by_path.text
    assert pipeline.transcribe(SOUND.as_uri()).text == by_path.text
    with SOUND.open("rb") as file:
        assert pipeline.transcribe(file).text == by_path.text
    with pytest.raises(edgefuse.InputError, match="binary mode"):
        pipeline.transcribe(io.StringIO("text"))


def test_a_transcription_has_the_shape_of_faster_whisper(pipeline: Any) -> None:
    segments, info = pipeline.transcribe(SOUND, timestamps="word")
    names = "id seek start end text tokens avg_logprob compression_ratio no_speech_prob words temperature"
    assert list(vars(segments[0]))[:11] == names.split()
    assert [segment.id for segment in segments] == list(range(1, len(segments) + 1))
    words = segments[0].words
    assert list(vars(words[0])) == ["start", "end", "word", "probability"]
    assert "".join(word.word for word in words).strip() == segments[0].text.strip()
    assert 0 <= segments[0].start < segments[0].end <= info.duration
    assert info.language == "en" and info.duration_after_vad <= info.duration


def test_a_program_for_faster_whisper_changes_one_import() -> None:
    from edgefuse.faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel("tiny.en", device="cpu", compute_type="int8")
    segments, info = model.transcribe(str(SOUND), beam_size=5, word_timestamps=True, vad_filter=True)
    for segment in segments:
        assert segment.text.startswith(" ") and segment.words
    assert info.language_probability == 1.0
    # Defaults of faster-whisper change nothing; what edgefuse does not have is an error.
    model.transcribe(str(SOUND), repetition_penalty=1, prefix=None)
    for options in ({"repetition_penalty": 2}, {"prefix": "Well"}, {"beem_size": 3}):
        with pytest.raises(edgefuse.OptionError, match=next(iter(options))):
            model.transcribe(str(SOUND), **options)

    # Options of voice activity detection, by either name, and as the object that faster-whisper has for them.
    class VadOptions:
        def __init__(self) -> None:
            self.min_silence_duration_ms, self.max_speech_duration_s, self.neg_threshold = 500, float("inf"), None

    for vad in ({"min_silence_duration_ms": 500, "speech_pad_ms": 30}, {"min_silence_ms": 500}, VadOptions()):
        assert model.transcribe(str(SOUND), vad_filter=True, vad_parameters=vad)[0]
    with pytest.raises(edgefuse.OptionError, match="min_silence_duration"):
        model.transcribe(str(SOUND), vad_filter=True, vad_parameters={"min_silence_duration": 1})
    with pytest.raises(edgefuse.OptionError, match="not list"):
        model.transcribe(str(SOUND), vad_filter=True, vad_parameters=[500])
    batched = BatchedInferencePipeline(model=model).transcribe(str(SOUND), batch_size=4, language="en")[0]
    assert "Dashwood" in "".join(segment.text for segment in batched)
    with pytest.raises(edgefuse.OptionError, match="vad_filter"):
        BatchedInferencePipeline(model).transcribe(str(SOUND), vad_filter=False)
    WhisperModel("tiny.en", compute_type="int8_float32", num_workers=2, local_files_only=True)
    with pytest.raises(edgefuse.OptionError, match="flash_attention_3"):
        WhisperModel("tiny.en", flash_attention_3=True)
    with pytest.raises(edgefuse.ConfigError, match="whisper-giant"):
        WhisperModel("giant")


def test_pictures_of_every_form_have_the_same_caption(pipeline: Any) -> None:
    from PIL import Image

    picture = Image.open(PICTURE)
    pixels = np.asarray(picture.convert("RGB"))
    forms = [
        str(PICTURE),
        PICTURE,
        PICTURE.read_bytes(),
        io.BytesIO(PICTURE.read_bytes()),
        picture,
        pixels,
        pixels[:, ::-1][:, ::-1],
    ]
    captions = [pipeline.caption(form) for form in forms]
    assert {caption.text for caption in captions} == {"a blue rectangle"}
    assert len(captions[0].captions) == 1 and captions[0].log_probability < 0
    # Transparent pixels are white, grey has three equal channels.
    assert "rectangle" in pipeline.caption(picture.convert("RGBA")).text
    assert pipeline.caption(np.asarray(picture.convert("L"))).text


def test_steps_have_results_of_their_own(pipeline: Any) -> None:
    answer = pipeline.ask(PICTURE, "what color is the shape?")
    assert str(answer) == "blue" and 0 < answer.confidence <= 1
    assert pipeline.ask(PICTURE, "what color is the shape?", answers=["red", "blue"]).answers[0]["text"] == "blue"
    decision = pipeline.fuse(image=PICTURE, text="what color is the shape?")
    assert decision.label == "blue" and abs(sum(decision.probabilities.values()) - 1) < 1e-3
    several = pipeline.caption(PICTURE, beams=3, captions=3)
    assert len(several.captions) == 3


def test_embeddings_are_arrays() -> None:
    student = edgefuse.Pipeline(ROOT / "onnx/student")
    found = student.embed(image=PICTURE, text="what color is the shape?")
    assert found["image"].dtype == np.float32 and found["image"].shape == found["text"].shape
    assert abs(float(np.linalg.norm(found["image"])) - 1) < 1e-3
    assert "audio" not in found


def test_records_are_processed_in_order_and_errors_stay_in_place(pipeline: Any) -> None:
    records = [
        {"id": "a", "image": PICTURE},
        {"id": "gone", "image": "no/such.png"},
        ["no", "dictionary"],
        {"id": "odd", "picture": "a.png"},
        {"image": np.zeros((4, 4, 3), np.float64)},
        {"id": "wave", "audio": np.zeros(1_600, np.int16)},
        {"id": 7, "image": PICTURE.read_bytes(), "text": "what color is the shape?"},
    ]
    for in_flight in (1, 3):
        results = list(pipeline.run(iter(records), in_flight=in_flight))
        assert [result.id for result in results] == ["a", "gone", "record 2", "odd", "record 4", "wave", "7"]
        assert [result.ok for result in results] == [True, False, False, False, False, False, True]
        expected = [None, "no/such.png", "must be a dictionary", "unknown field `picture`", "uint8", "float32", None]
        for result, words in zip(results, expected):
            assert words is None or words in result.errors[0], result
        assert results[0]["caption"]["text"] == "a blue rectangle" and results[0]["made_from"]
        assert results[-1]["answer"]["text"] == "blue"
    assert pipeline.run({"id": "one", "image": PICTURE})["id"] == "one"
    unordered = pipeline.run(records, in_flight=3, ordered=False)
    assert sorted(result.id for result in unordered) == sorted(result.id for result in results)


def test_an_iterable_is_read_as_far_as_it_is_needed(pipeline: Any) -> None:
    taken = 0

    def records() -> Iterator[dict[str, Any]]:
        nonlocal taken
        while True:
            taken += 1
            yield {"id": taken, "text": "hello", "image": PICTURE}

    results = pipeline.run(records(), steps=["caption"], in_flight=2)
    assert [next(results).id for _ in range(3)] == ["1", "2", "3"]
    assert taken <= 5
    results.close()


def test_one_bad_input_is_an_exception_of_a_single_step(pipeline: Any) -> None:
    loud = samples() * 32_768
    for audio, words in [
        ("no.wav", "no.wav"),
        (b"not a sound", "sound in memory"),
        (np.zeros(16_000, np.float64), "float32"),
        (np.zeros((2, 16_000), np.float32), "mono"),
        (loud, "within -1 to 1"),
        (np.full(1_600, np.nan, np.float32), "within -1 to 1"),
        (17, "a path, bytes"),
    ]:
        with pytest.raises(edgefuse.InputError, match=words):
            pipeline.transcribe(audio)
    with pytest.raises(edgefuse.InputError, match="sample_rate"):
        pipeline.transcribe(samples(), sample_rate=0)
    for image, words in [
        (np.zeros((4, 4), np.int64), "uint8"),
        (np.zeros((4, 4, 2), np.uint8), "RGB"),
        (b"", "picture"),
    ]:
        with pytest.raises(edgefuse.InputError, match=words):
            pipeline.caption(image)
    with pytest.raises(edgefuse.OptionError, match=r"transcribe\.progress: not a value"):
        pipeline.transcribe(SOUND, progress=print)
    with pytest.raises(
        edgefuse.OptionError, match=r"transcribe\.beams: invalid type: string \"x\", expected a whole number"
    ):
        pipeline.transcribe(SOUND, beams="x")
    with pytest.raises(edgefuse.OptionError, match="unknown field `langauge`"):
        pipeline.transcribe(SOUND, langauge="de")
    with pytest.raises(edgefuse.OptionError, match="beams"):
        pipeline.transcribe(SOUND, beams=0)


def test_an_error_of_a_device_file_has_its_place(tmp_path: Path) -> None:
    config = tmp_path / "board.yaml"
    config.write_text("device: board\nmodels:\n  whisper: {pth: onnx/whisper-tiny.en}\n")
    with pytest.raises(edgefuse.ConfigError) as caught:
        edgefuse.Pipeline(config)
    assert (caught.value.file, caught.value.line) == (str(config), 3) and caught.value.column
    assert "unknown field `pth`" in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.file, copy.line, copy.column, str(copy)) == (
        caught.value.file,
        caught.value.line,
        caught.value.column,
        str(caught.value),
    )
    config.write_text("device: board\nmodels: {whisper: {path: nowhere}}\npipeline: [caption]\n")
    with pytest.raises(edgefuse.EdgefuseError, match="nowhere"):
        edgefuse.Pipeline(config).transcribe(SOUND)
    with pytest.raises(edgefuse.ConfigError, match="cannot read"):
        edgefuse.Pipeline(tmp_path / "missing.yaml")


def test_a_pickled_pipeline_is_made_again_from_its_files(pipeline: Any) -> None:
    copy = pickle.loads(pickle.dumps(pipeline))
    assert copy.steps == pipeline.steps and copy.caption(PICTURE).text == "a blue rectangle"
    assert copy.library == pipeline.library


def test_progress_is_reported_and_may_end_the_work(pipeline: Any) -> None:
    seen: list[tuple[float, float]] = []
    pipeline.transcribe(SOUND, on_progress=lambda done, total: seen.append((done, total)))
    assert seen and seen[-1][0] <= seen[-1][1] + 1e-6

    class Enough(Exception):
        pass

    def stop(done: float, total: float) -> None:
        raise Enough

    with pytest.raises(Enough):
        pipeline.transcribe(np.tile(samples(), 20), on_progress=stop)


def test_work_is_cancelled_from_another_thread_and_by_a_deadline(pipeline: Any) -> None:
    cancellation = edgefuse.Cancellation()
    long = np.tile(samples(), 200)
    timer = threading.Timer(0.2, cancellation.cancel)
    timer.start()
    with pytest.raises(edgefuse.Cancelled):
        pipeline.transcribe(long, cancellation=cancellation)
    assert cancellation.cancelled
    with pytest.raises(edgefuse.DeadlinePassed):
        pipeline.transcribe(long, timeout=0.1)
    # The pipeline still works.
    assert pipeline.caption(PICTURE).text == "a blue rectangle"


def test_the_lock_of_the_interpreter_is_released(pipeline: Any) -> None:
    # A thread that needs the lock ends the work of the other one, which could not end otherwise.
    cancellation = edgefuse.Cancellation()
    thread = threading.Thread(target=lambda: [sum(range(1_000)) for _ in range(100)] and cancellation.cancel())
    results = pipeline.run(({"audio": samples()} for _ in iter(int, 1)), cancellation=cancellation)
    next(results)
    thread.start()
    with pytest.raises(edgefuse.Cancelled):
        for _ in results:
            pass
    thread.join()


def test_ctrl_c_raises_at_once_and_the_process_ends_in_order() -> None:
    program = """
        import os, signal, threading, numpy as np, edgefuse
        # A shell starts what it runs in the background with the signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        pipeline = edgefuse.Pipeline("configs/cpu.yaml")
        long = np.tile(np.random.default_rng(0).normal(0, 0.1, 16_000 * 60).astype(np.float32), 60)
        threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            pipeline.transcribe(long, vad=False)
        except KeyboardInterrupt:
            print("interrupted")
        print(pipeline.caption("tests/data/easyvqa-23.png"))
    """
    done = run_python(program, timeout=120)
    assert (done.returncode, done.stdout) == (0, "interrupted\na blue rectangle\n"), done.stderr


def test_a_forked_child_is_told_and_does_not_hang() -> None:
    program = """
        import os, edgefuse
        pipeline = edgefuse.Pipeline("configs/cpu.yaml")
        pipeline.caption("tests/data/easyvqa-23.png")
        child = os.fork()
        if child == 0:
            for use in (lambda: pipeline.caption("tests/data/easyvqa-23.png"), lambda: edgefuse.Pipeline("configs/cpu.yaml")):
                try:
                    use()
                except edgefuse.ForkError as error:
                    print("spawn" in str(error), flush=True)
            del pipeline
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), pipeline.caption("tests/data/easyvqa-23.png"))
    """
    done = run_python(program, timeout=120)
    assert done.stdout == "True\nTrue\n7 a blue rectangle\n", done.stderr


def test_spawned_processes_have_pipelines_of_their_own(tmp_path: Path) -> None:
    program = tmp_path / "spawned.py"
    program.write_text(
        textwrap.dedent(f"""
        import multiprocessing, edgefuse

        def caption(pipeline):
            return str(pipeline.caption({str(PICTURE)!r}))

        if __name__ == "__main__":
            pipeline = edgefuse.Pipeline({str(CONFIG)!r})
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(caption, [pipeline, pipeline]))
        """)
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=300)
    assert done.stdout == "['a blue rectangle', 'a blue rectangle']\n", done.stderr


def test_the_library_is_that_of_the_package_or_the_named_one(tmp_path: Path) -> None:
    show = """
        import edgefuse, os, sys
        assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
        try:
            print(edgefuse.Pipeline("configs/cpu.yaml").library[0])
        except edgefuse.LibraryError as error:
            print("LibraryError", error)
        print("onnxruntime" in sys.modules)
    """
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DYLIB_PATH"}
    path, imported = run_python(show, env=environment).stdout.splitlines()
    assert "site-packages/onnxruntime/capi/libonnxruntime.so" in path and imported == "False"
    named = {**environment, "ORT_DYLIB_PATH": str(ROOT / "lib/libonnxruntime.so")}
    assert run_python(show, env=named).stdout.startswith(str(ROOT / "lib/libonnxruntime.so"))
    missing = {**environment, "ORT_DYLIB_PATH": str(tmp_path / "none.so")}
    assert "LibraryError" in run_python(show, env=missing).stdout
    (tmp_path / "board.yaml").write_text("device: board\n")
    without = f"""
        import edgefuse, edgefuse.library
        edgefuse.library.of_package = lambda: None
        try:
            edgefuse.Pipeline({str(tmp_path / "board.yaml")!r})
        except edgefuse.LibraryError as error:
            print(error)
    """
    assert "ONNX Runtime not found" in run_python(without, env=environment).stdout


def test_two_copies_of_onnx_runtime_are_reported() -> None:
    program = """
        import warnings, onnxruntime, edgefuse
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            edgefuse.Pipeline("configs/cpu.yaml")
        print([str(it.message) for it in caught if it.category is edgefuse.LibraryWarning][0])
        import os
        os.environ["ORT_DYLIB_PATH"] = "lib/libonnxruntime.so"
        try:
            edgefuse.Pipeline("configs/cpu.yaml")
        except edgefuse.LibraryError as error:
            print(error)
    """
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DYLIB_PATH"}
    done = run_python(program, env=environment)
    warning, error = done.stdout.splitlines()
    assert "several copies of ONNX Runtime" in warning and "onnxruntime_pybind11_state" in warning, done.stderr
    assert "this process already runs" in error
