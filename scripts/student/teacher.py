"""The teacher: the small BLIP, whose soft answers and whose vision weights the student starts from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import BlipForQuestionAnswering

from easyvqa import tokenizer
from easyvqa.labels import ANSWERS
from easyvqa.pixels import pixel_values
from easyvqa.texts import Texts
from student.model import Student

_BATCH = 200  # pictures


class Teacher:
    """BLIP's question-answering model from a Hugging Face folder."""

    def __init__(self, folder: Path) -> None:
        self._model = BlipForQuestionAnswering.from_pretrained(folder).eval()
        ids = {piece: index for index, piece in enumerate(tokenizer.vocabulary())}
        self._start = ids[tokenizer.DEC]
        self._answers = torch.tensor([ids[answer] for answer in ANSWERS])

    @torch.inference_mode()
    def soft_answers(self, images: np.ndarray, asked: Texts) -> torch.Tensor:
        """Log-probabilities of the 13 answers: [questions, 13] float32.

        images: [n, 64, 64, 3] uint8; ``asked`` has as many questions in a row for each of them. Every answer is one
        token, so the answers are ranked by the decoder's first step.
        """
        each = len(asked.ids) // len(images)
        parts = []
        for low in range(0, len(images), _BATCH):
            picture = pixel_values(images[low : low + _BATCH])
            rows = torch.arange(low * each, (low + len(picture)) * each)
            with torch.autocast("cpu", torch.bfloat16):
                states = self._model.vision_model(pixel_values=picture).last_hidden_state
                parts.append(self._first_step(states.repeat_interleave(each, dim=0), asked.rows(rows)))
        return torch.cat(parts)

    def _first_step(self, states: torch.Tensor, asked: Texts) -> torch.Tensor:
        question_states = self._model.text_encoder(
            input_ids=asked.ids, attention_mask=asked.mask, encoder_hidden_states=states
        ).last_hidden_state
        logits = self._model.text_decoder(
            input_ids=torch.full((len(states), 1), self._start),
            encoder_hidden_states=question_states,
            encoder_attention_mask=asked.mask,
        ).logits[:, 0, self._answers]
        return logits.float().log_softmax(dim=1)

    def hand_down(self, student: Student) -> None:
        """Start the student's picture part and its shared layers from the teacher's first vision layers."""
        vision = self._model.vision_model
        with torch.no_grad():
            student.patches.load_state_dict(vision.embeddings.patch_embedding.state_dict())
            student.image_start.copy_(vision.embeddings.class_embedding)
            student.image_positions.copy_(vision.embeddings.position_embedding)
            for mine, theirs in zip(student.own, vision.encoder.layers, strict=False):
                mine.attention_norm.load_state_dict(theirs.layer_norm1.state_dict())
                mine.query_key_value.load_state_dict(theirs.self_attn.qkv.state_dict())
                mine.projection.load_state_dict(theirs.self_attn.projection.state_dict())
                mine.feed_forward_norm.load_state_dict(theirs.layer_norm2.state_dict())
                mine.widen.load_state_dict(theirs.mlp.fc1.state_dict())
                mine.narrow.load_state_dict(theirs.mlp.fc2.state_dict())
