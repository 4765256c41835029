"""Measures the small BLIP and the student on easy-VQA's test questions, typed and spoken, through the edgefuse binary.

Prints one JSON object. Uses all 1,000 pictures and 9,673 questions; each question is also spoken, in one of eight
voices that are not in training. Needs the release build, scripts/requirements/test.txt, and espeak-ng on the first run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from edgefuse_tools import ROOT
from edgefuse_tools.easyvqa import download
from edgefuse_tools.easyvqa.labels import COLOR_NAMES, SHAPES, caption, revealed
from edgefuse_tools.easyvqa.questions import asks_about_color
from edgefuse_tools.student import color_sensor
from edgefuse_tools.training.evaluation import spoken
from edgefuse_tools.training.evaluation.binary import Binary, Line
from edgefuse_tools.training.evaluation.figures import best_possible, decided, fastest, milliseconds, recall, share

_SPOKEN = "student_spoken"


def main() -> int:
    """Runs the requested rows and prints their figures."""
    arguments = _parser().parse_args()
    # The manifest is in another folder, so the records need absolute paths.
    for name in ("data", "recordings", "results", "binary", "student"):
        setattr(arguments, name, getattr(arguments, name).resolve())
    data = download.ensure(arguments.data) / "data" / "test"
    spoken.ensure(arguments.recordings, arguments.seed, workers=2)
    binary = Binary(arguments.binary, ROOT, arguments.student, arguments.threads, arguments.results)
    test = _Test(data, arguments.recordings, arguments.seed)
    figures: dict[str, Any] = {"questions": len(test.texts), "threads": arguments.threads}
    for name in arguments.rows:
        figures = {**figures, **_ROWS[name](binary, test)}
    if {"cascade", "spoken"} <= set(arguments.rows):
        figures["cascade_costs_times_the_student"] = round(figures["cascade_spoken"]["ms"] / figures[_SPOKEN]["ms"], 1)
    print(json.dumps(figures))
    return 0


class _Test:
    """The test questions with their pictures, recordings and sensor readings."""

    def __init__(self, data: Path, recordings: Path, seed: int) -> None:
        self.questions: list[tuple[str, str, int]] = json.loads((data / "questions.json").read_text(encoding="utf-8"))
        self.texts, self.answers, self.images = (list(column) for column in zip(*self.questions))
        self.pictures = [str(data / "images" / f"{image}.png") for image in self.images]
        self.recordings = list(map(str, spoken.assign(recordings, seed, self.texts)))
        self.captions = spoken.captions(recordings)
        self.shapes: dict[int, str] = {}
        self.colors: dict[int, str] = {}
        for text, answer, image in self.questions:
            for names, found in ((SHAPES, self.shapes), (COLOR_NAMES, self.colors)):
                name = revealed(text, answer, names)
                if name is not None:
                    found[image] = name
        self.sensed = sorted(self.colors)
        numbers = np.array([COLOR_NAMES.index(self.colors[image]) for image in self.sensed])
        readings = color_sensor.read(np.random.default_rng([seed, 41]), numbers)
        self.readings = {image: [round(float(x), 4) for x in row] for image, row in zip(self.sensed, readings)}
        self._data = data

    def picture(self, image: int) -> str:
        return str(self._data / "images" / f"{image}.png")

    def truth(self) -> dict[int, str]:
        """The true caption of each picture whose questions reveal both its colour and its shape."""
        return {i: caption(shape, self.colors[i]) for i, shape in sorted(self.shapes.items()) if i in self.colors}


def _teacher(binary: Binary, test: _Test) -> dict[str, Any]:
    records: list[Line] = [{"image": image, "text": text} for image, text in zip(test.pictures, test.texts)]
    answered = [line["answer"] for line in binary.run("teacher", records, ["ask: {question: text}"])]
    truth = test.truth()
    shown: list[Line] = [{"image": test.picture(image)} for image in truth]
    captioned = [line["caption"] for line in binary.run("captions", shown, ["caption"])]
    return {
        "teacher_typed": {
            "accuracy": share(it["text"] == answer for it, answer in zip(answered, test.answers)),
            "ms": milliseconds(answered),
            "ms_fastest_hundredth": fastest(answered),
        },
        "teacher_captions": {
            "pictures": len(truth),
            "accuracy": share(it["text"] == true for it, true in zip(captioned, truth.values())),
            "ms": milliseconds(captioned),
        },
    }


def _matching(binary: Binary, test: _Test) -> dict[str, Any]:
    """The teacher's match probability and similarity of each of the 24 captions for each picture with a known
    caption."""
    truth = test.truth()
    texts = [caption(shape, color) for shape in SHAPES for color in COLOR_NAMES]
    lines = binary.matches([test.picture(image) for image in truth], texts)
    correct = np.array([texts.index(true) for true in truth.values()])
    probability, similarity = (
        np.array([[row[score] for row in line["texts"]] for line in lines]) for score in ("probability", "similarity")
    )
    right = (probability > 0.5) == (np.arange(len(texts)) == correct[:, None])
    return {
        "teacher_matching": {
            "pictures": len(truth),
            "pairs": right.size,
            "pairs_right": share(right.ravel()),
            "likeliest_right": share(probability.argmax(axis=1) == correct),
            "most_similar_right": share(similarity.argmax(axis=1) == correct),
            "ms_a_picture": milliseconds(lines),
        }
    }


def _cascade(binary: Binary, test: _Test) -> dict[str, Any]:
    """Transcribes each recording once; the teacher then answers the transcribed questions."""
    recordings = sorted(set(test.recordings))
    transcribed = binary.run("transcripts", [{"audio": path} for path in recordings], ["transcribe"])
    texts = {path: line["transcript"]["text"].strip() for path, line in zip(recordings, transcribed)}
    references = dict(zip(test.recordings, test.texts))
    asked = [index for index, path in enumerate(test.recordings) if texts[path]]
    records: list[Line] = [{"image": test.pictures[i], "text": texts[test.recordings[i]]} for i in asked]
    answered = dict(zip(asked, binary.run("cascade", records, ["ask: {question: text}"])))
    right = [
        index in answered and answered[index]["answer"]["text"] == answer for index, answer in enumerate(test.answers)
    ]
    transcripts, asks = [it["transcript"] for it in transcribed], [it["answer"] for it in answered.values()]
    transcribe, ask = milliseconds(transcripts), milliseconds(asks)
    return {
        "recordings": {
            "distinct": len(recordings),
            "voices": spoken.VOICES,
            "median_seconds": round(median(spoken.seconds(Path(path)) for path in recordings), 2),
        },
        "cascade_spoken": {
            "accuracy": share(right),
            "understood_to_the_letter": share(_plain(texts[path]) == _plain(references[path]) for path in recordings),
            "transcribe_ms": transcribe,
            "ask_ms": ask,
            "ms": round(transcribe + ask, 2),
            "ms_fastest_hundredth": round(fastest(transcripts) + fastest(asks), 2),
        },
    }


def _typed(binary: Binary, test: _Test) -> dict[str, Any]:
    return {"student_typed": _asked(binary, test, "student_typed", {"image": test.pictures, "text": test.texts})}


def _spoken(binary: Binary, test: _Test) -> dict[str, Any]:
    return {_SPOKEN: _asked(binary, test, _SPOKEN, {"image": test.pictures, "audio": test.recordings})}


def _both(binary: Binary, test: _Test) -> dict[str, Any]:
    shown = {"image": test.pictures, "text": test.texts, "audio": test.recordings}
    return {"student_typed_and_spoken": _asked(binary, test, "student_typed_and_spoken", shown)}


def _alone(binary: Binary, test: _Test) -> dict[str, Any]:
    """One modality alone, and the best possible accuracy."""
    kinds = [(test.shapes.get(image), test.colors.get(image)) for image in test.images]
    rows: dict[str, tuple[dict[str, list[Any]], Any]] = {
        "student_picture_alone": ({"image": test.pictures}, kinds),
        "student_typed_question_alone": ({"text": test.texts}, test.texts),
        "student_spoken_question_alone": ({"audio": test.recordings}, test.texts),
    }
    return {
        name: {**_asked(binary, test, name, shown), "best_possible": best_possible(seen, test.answers)}
        for name, (shown, seen) in rows.items()
    }


def _sensors(binary: Binary, test: _Test) -> dict[str, Any]:
    """Questions about colour with a colour sensor instead of a picture."""
    readings = [test.readings.get(image) for image in test.images]
    about = [row for row, text in enumerate(test.texts) if readings[row] is not None and asks_about_color(text)]
    rows: dict[str, dict[str, list[Any]]] = {
        "student_sensors_and_typed_about_color": {"sensors": readings, "text": test.texts},
        "student_sensors_and_spoken_about_color": {"sensors": readings, "audio": test.recordings},
    }
    return {name: _asked(binary, test, name, shown, about) for name, shown in rows.items()}


def _asked(
    binary: Binary, test: _Test, name: str, shown: dict[str, list[Any]], rows: list[int] | None = None
) -> dict[str, Any]:
    """The student's figures, for all questions or those of ``rows``; it runs once for each distinct input."""
    rows = list(range(len(test.texts))) if rows is None else rows
    records = [json.dumps({kind: values[row] for kind, values in shown.items()}) for row in rows]
    different = list(dict.fromkeys(records))
    lines = dict(zip(different, binary.run(name, list(map(json.loads, different)), ["fuse"])))
    figures = decided([lines[record] for record in records], [test.answers[row] for row in rows])
    return {"asked": len(rows), "runs": len(different), **figures}


def _retrieval(binary: Binary, test: _Test) -> dict[str, Any]:
    """Whether the nearest neighbour of a typed or spoken caption is a picture that it describes, and vice versa."""
    truth = test.truth()
    named = sorted(set(truth.values()))
    classes = list(truth.values())
    pictures = np.array(binary.embeddings("image", [test.picture(image) for image in truth]))
    texts = np.array(binary.embeddings("text", named))
    recorded = [(text, path) for text, path in test.captions if text in set(named)]
    heard = np.array(binary.embeddings("audio", [str(path) for _, path in recorded]))
    return {
        "recall_at_1": {
            "pictures": len(classes),
            "text_to_image": recall(texts, named, pictures, classes),
            "speech_to_image": recall(heard, [text for text, _ in recorded], pictures, classes),
            "image_to_text": recall(pictures, classes, texts, named),
        }
    }


_ROWS: dict[str, Callable[[Binary, _Test], dict[str, Any]]] = {
    "teacher": _teacher,
    "matching": _matching,
    "cascade": _cascade,
    "typed": _typed,
    "spoken": _spoken,
    "both": _both,
    "alone": _alone,
    "sensors": _sensors,
    "retrieval": _retrieval,
}


def _plain(text: str) -> str:
    """Letters and single spaces; Whisper writes "grey" and "colour" for some accents, which is not a mistake."""
    letters = "".join(letter for letter in text.lower() if letter.isalpha() or letter == " ")
    return " ".join(letters.replace("grey", "gray").replace("colour", "color").split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = ROOT / "build"
    parser.add_argument("--data", type=Path, default=build / "data" / "easy_vqa", help="fetched when absent")
    parser.add_argument("--recordings", type=Path, default=build / "data" / "speech" / "test", help="made when absent")
    parser.add_argument(
        "--results", type=Path, default=build / "evaluation", help="folder of results, reused by the next run"
    )
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "edgefuse")
    parser.add_argument("--student", type=Path, default=ROOT / "onnx" / "student", help="its model folder")
    parser.add_argument(
        "--rows", nargs="+", choices=list(_ROWS), default=list(_ROWS), help="what to measure (default: everything)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads inside one operator")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the recordings and of their assignment to questions"
    )
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the output is always JSON")
    return parser
