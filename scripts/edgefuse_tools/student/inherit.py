"""Initialises the student with the vision weights of the small BLIP that teaches it."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import BlipForQuestionAnswering

from edgefuse_tools.student.model import Student


@torch.no_grad()
def inherit(student: Student, checkpoint: Path) -> None:
    """Initialises the student's picture part and shared layers with the first vision layers of a Hugging Face
    folder."""
    vision = BlipForQuestionAnswering.from_pretrained(checkpoint).vision_model
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
