"""Voices of the questions, and preprocessing of recordings."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from edgefuse_tools.student import acoustics, augment, timbres, voices
from edgefuse_tools.student.log_mel import ABSENT_FRAME, log_mel
from edgefuse_tools.student.speech import CAPTIONS, FIRST_CAPTION, SPOKEN, Speech, pad, recordings, say
from edgefuse_tools.student.voices import Part, Voice


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone() -> np.ndarray:
    return (0.3 * np.sin(2.0 * np.pi * 700.0 * np.arange(16_000) / 16_000.0)).astype(np.float32)


def test_no_timbre_is_in_two_parts_and_the_test_accents_are_in_no_other() -> None:
    everyone = [timbre for part in Part for timbre in voices.timbres(part)]
    assert len(set(everyone)) == len(everyone)
    for part in (Part.TRAIN, Part.VALIDATION):
        assert not set(voices.accents(part)) & set(voices.accents(Part.TEST))


@pytest.mark.parametrize("part", list(Part))
def test_drawn_voices_are_of_their_part_and_use_every_timbre_before_repeating_one(part: Part) -> None:
    names = voices.timbres(part)
    drawn = list(voices.draw(rng(), part, 6 * len(names)))
    ours = [voice.timbre for voice in drawn if voice.made is None]
    assert sorted(ours[: len(names)]) == sorted(names)
    assert {voice.accent for voice in drawn} <= set(voices.accents(part))
    assert drawn == list(voices.draw(rng(), part, 6 * len(names)))


def test_only_training_has_generated_timbres_and_each_is_different() -> None:
    made = {part: [v.made for v in voices.draw(rng(), part, 40) if v.made is not None] for part in Part}
    assert not made[Part.VALIDATION] and not made[Part.TEST]
    assert len(set(made[Part.TRAIN])) == len(made[Part.TRAIN]) > 20


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_espeak_speaks_with_a_generated_timbre() -> None:
    plain = Voice("en-us", "ours", 170, 50, 0)
    ours = [replace(plain, made=timbres.draw(rng(seed))) for seed in range(3)]
    rendered = [say("a red circle", voice).tobytes() for voice in (plain, *ours)]
    assert len(set(rendered)) == len(rendered)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_espeak_knows_the_accents_and_timbres_of_the_test_voices() -> None:
    """espeak-ng silently ignores an unknown timbre."""
    [accent] = voices.accents(Part.TEST)
    rendered = [say("red", Voice(accent, timbre, 170, 50, 0)).tobytes() for timbre in ("", *voices.timbres(Part.TEST))]
    assert len(set(rendered)) == len(rendered)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_recordings_depend_only_on_seed_part_and_text() -> None:
    first, again, other = (recordings(seed, Part.TEST, 1, 3)[0] for seed in (0, 0, 1))
    assert first.voice == again.voice and np.array_equal(first.samples, again.samples)
    assert first.voice != other.voice
    assert 0.5 < len(first.samples) / 16_000 < 6.0


def test_captions_are_the_last_spoken_texts() -> None:
    assert SPOKEN[FIRST_CAPTION:] == CAPTIONS
    assert len(set(SPOKEN)) == len(SPOKEN)


def test_a_recording_has_the_requested_noise_and_level() -> None:
    conditions = acoustics.Conditions(echoing=0.0, signal_to_noise_db=(20.0, 20.0))
    heard = acoustics.record(rng(), tone(), conditions)
    assert -26.1 < 20.0 * np.log10(np.abs(heard).max()) < -5.9
    before = int(np.argmax(np.abs(heard) > 0.5 * np.abs(heard).max())) - 200
    quiet = np.mean(heard[:before].astype(np.float64) ** 2)
    loud = np.mean(heard[before + 1000 : before + 15_000].astype(np.float64) ** 2)
    assert 10.0 * np.log10((loud - quiet) / quiet) == pytest.approx(20.0, abs=2.0)
    assert np.array_equal(heard, acoustics.record(rng(), tone(), conditions))


def test_echoes_come_after_the_direct_sound_and_die_away() -> None:
    for seed in range(5):
        response = acoustics.impulse_response(rng(seed))
        direct_db = -10.0 * np.log10(np.sum(response[1:] ** 2))
        assert response[0] == 1.0 and not response[1:30].any()
        assert -3.01 <= direct_db <= 12.01
        early, late = np.split(response[1:] ** 2, [len(response) // 2])
        assert early.sum() > 100.0 * late.sum(), "30 dB in half of the reverberation time"


def test_augmentation_depends_only_on_the_rng_and_keeps_range_and_length() -> None:
    frames = log_mel(tone()).T.astype(np.float16)
    for seed in range(20):
        first, again = augment.augment(rng(seed), frames), augment.augment(rng(seed), frames)
        assert np.array_equal(first, again)
        assert first.dtype == np.float32 and first.shape[1] == frames.shape[1]
        assert 0.87 * len(frames) <= len(first) <= 1.14 * len(frames) + 30
        assert first.max() - first.min() <= 2.0 + 1e-5, "eight decades, as log_mel keeps"
        assert first.min() > -2.0, "no frame may look absent"


def test_augmentation_does_not_move_a_tone_far() -> None:
    frames = log_mel(tone()).T
    band = int(np.median(frames.argmax(axis=1)))
    for seed in range(20):
        changed = augment.augment(rng(seed), frames)
        assert abs(int(np.median(changed[len(changed) // 2 :].argmax(axis=1))) - band) <= 4


def test_recordings_of_a_batch_are_padded_with_absent_frames() -> None:
    frames = np.zeros((5, 80), dtype=np.float16)
    speech = Speech(frames, np.array([0, 2, 5]), np.array([0, 1]))
    batch = speech.batch(np.array([0, 1]))
    assert batch.shape == (2, 80, 3)
    assert (batch[0, :, 2] == ABSENT_FRAME).all()
    assert (batch[:, :, :2] == 0).all()
    assert np.array_equal(batch, pad([speech.rows(0), speech.rows(1)]))
    assert speech.recordings_of(rng(), np.array([1, 0, 1])).tolist() == [1, 0, 1]
