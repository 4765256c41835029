"""Accuracy of the student on new pictures and voices, for each set of modalities."""

from __future__ import annotations

import numpy as np
import torch

from edgefuse_tools.easyvqa import questions
from edgefuse_tools.easyvqa.dataset import Split
from edgefuse_tools.easyvqa.pixels import pixel_values
from edgefuse_tools.easyvqa.texts import TextEncoder
from edgefuse_tools.student import color_sensor
from edgefuse_tools.student.calibration import expected_calibration_error
from edgefuse_tools.student.model import Student
from edgefuse_tools.student.speech import SPOKEN, Speech

_BATCH = 256  # questions
#: Image, text, audio, sensors.
_SUBSETS: dict[str, tuple[float, float, float, float]] = {
    "image+text": (1.0, 1.0, 0.0, 0.0),
    "image+audio": (1.0, 0.0, 1.0, 0.0),
    "image": (1.0, 0.0, 0.0, 0.0),
    "text": (0.0, 1.0, 0.0, 0.0),
    "text+sensors": (0.0, 1.0, 0.0, 1.0),
}


class Examination:
    """A part of the data set with its questions, typed and spoken in voices that are not in training."""

    def __init__(self, split: Split, encoder: TextEncoder, speech: Speech, seed: int) -> None:
        """Excludes pictures whose questions do not reveal their colour: there is no sensor reading for them."""
        self._pictures = pixel_values(split.pictures.images)
        known = {text: index for index, text in enumerate(questions.every_text())}
        rows = np.flatnonzero(split.pictures.colors[split.image_ids] >= 0)
        self._image_ids, self._answers = split.image_ids[rows], split.answers[rows]
        self._numbers = np.array([known[split.texts[row]] for row in rows], dtype=np.int64)
        self._texts = encoder.questions(list(SPOKEN))
        rng = np.random.default_rng([seed, 30])
        self._sensors = torch.from_numpy(color_sensor.read(rng, split.pictures.colors[self._image_ids]))
        self._speech = speech
        self._recordings = speech.recordings_of(rng, self._numbers)

    @torch.inference_mode()
    @torch.autocast("cpu", torch.bfloat16)
    def figures(self, student: Student) -> dict[str, float]:
        """Accuracy and calibration error for each set of modalities; share of recordings understood."""
        student.eval()
        image, image_real = student.image_states(self._pictures)
        text, text_real = student.text_states(self._texts.ids, self._texts.mask)
        log_mel = torch.from_numpy(self._speech.batch(np.arange(len(self._speech.numbers))))
        audio, audio_real = student.audio_states(log_mel)
        sensors, sensors_real = student.sensor_states(self._sensors)
        nearest = (student.summary(audio, 2) @ student.summary(text, 1).T).argmax(dim=1).numpy()
        figures = {"understood": float((nearest == self._speech.numbers).mean())}
        for name, present in _SUBSETS.items():
            parts = []
            for low in range(0, len(self._answers), _BATCH):
                rows = slice(low, low + _BATCH)
                pick = (self._image_ids[rows], self._numbers[rows], self._recordings[rows])
                of_image, of_text, of_audio = map(torch.from_numpy, pick)
                own = [
                    (image[of_image], image_real[of_image]),
                    (text[of_text], text_real[of_text]),
                    (audio[of_audio], audio_real[of_audio]),
                    (sensors[rows], sensors_real[rows]),
                ]
                own = [
                    (states[:, : None if has else 0], real[:, : None if has else 0])
                    for (states, real), has in zip(own, present)
                ]
                parts.append(student.decide(own, torch.tensor([present]).expand(len(of_image), -1))[0])
            probabilities = torch.cat(parts).float().softmax(dim=1).numpy()
            figures[name] = float((probabilities.argmax(axis=1) == self._answers).mean())
            figures[f"{name} ece"] = expected_calibration_error(probabilities, self._answers)
        return figures
