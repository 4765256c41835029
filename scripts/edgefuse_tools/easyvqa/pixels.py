"""Pictures as model inputs."""

from __future__ import annotations

import numpy as np
import torch

MEAN = (0.48145466, 0.4578275, 0.40821073)  # CLIP's, which BLIP's processor uses
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def pixel_values(images: np.ndarray) -> torch.Tensor:
    """[n, 64, 64, 3] uint8 to the output of BlipImageProcessor: [n, 3, 64, 64] float32."""
    scaled = (images.astype(np.float32) / 255.0 - np.asarray(MEAN, np.float32)) / np.asarray(DEVIATION, np.float32)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))
