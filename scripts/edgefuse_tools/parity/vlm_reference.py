"""SmolVLM or Idefics3 in transformers, in fp32, with pictures processed by Pillow. Imports PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """A conversation as the model reads it."""

    text: str
    """What the chat template writes."""
    ids: list[int]
    pixels: Floats | None
    """[tiles, 3, side, side]"""
    inputs: dict[str, Any]


class ReferenceVlm:
    """The model of a Hugging Face folder."""

    def __init__(self, folder: Path) -> None:
        where = {"pretrained_model_name_or_path": str(folder)}
        model = transformers.AutoModelForImageTextToText.from_pretrained(**where, dtype=torch.float32)
        self._model = model.eval()
        self._processor = transformers.AutoProcessor.from_pretrained(**where)
        # The other processor resizes with torchvision, which has no Lanczos filter.
        self._processor.image_processor = SmolVLMImageProcessorPil.from_pretrained(**where)
        self._template = (folder / "chat_template.jinja").read_text("utf-8")

    def shown(self, messages: list[dict[str, Any]], pictures: list[Path]) -> Shown:
        """`messages` have texts; those with `images`: N show the next N of `pictures` first."""
        listed = [
            {
                "role": message["role"],
                "content": [{"type": "image"}] * message.get("images", 0)
                + [{"type": "text", "text": message["content"]}],
            }
            for message in messages
        ]
        text = self._processor.apply_chat_template(listed, chat_template=self._template, add_generation_prompt=True)
        images = [Image.open(path).convert("RGB") for path in pictures]
        made = self._processor(text=text, return_tensors="pt", **({"images": images} if images else {}))
        pixels = made["pixel_values"][0].numpy() if images else None
        return Shown(text, made["input_ids"][0].tolist(), pixels, dict(made))

    def grids(self, pictures: list[Path]) -> list[list[int]]:
        """Rows and columns of the tiles of each picture."""
        images = [Image.open(path).convert("RGB") for path in pictures]
        made = self._processor.image_processor(images, return_row_col_info=True, return_tensors="np")
        return [[rows, columns] for rows, columns in zip(made["rows"][0], made["cols"][0])]

    def tokens(self, text: str) -> list[int]:
        ids: list[int] = self._processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    @torch.no_grad()
    def rows(self, shown: Shown) -> Floats:
        """What the language model reads of the pictures, [rows, hidden]."""
        inputs = {key: shown.inputs[key] for key in ("pixel_values", "pixel_attention_mask")}
        found = self._model.get_image_features(**inputs).pooler_output
        rows: Floats = torch.cat(list(found)).numpy()
        return rows

    @torch.no_grad()
    def logits(self, shown: Shown, after: list[int] | None = None) -> Floats:
        """Logits of every position of the conversation and the tokens `after` it, [tokens, vocab]."""
        inputs = dict(shown.inputs)
        inputs["input_ids"] = torch.tensor([shown.ids + (after or [])])
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        logits: Floats = self._model(**inputs).logits[0].numpy()
        return logits

    @torch.no_grad()
    def greedy(self, shown: Shown, count: int) -> tuple[list[int], Floats]:
        """`count` tokens, not stopping at an end, and the logits that each was chosen by, [count, vocab]."""
        made = self._model.generate(
            **shown.inputs, max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=0,
            return_dict_in_generate=True, output_logits=True,
        )  # fmt: skip
        logits: Floats = torch.stack([row[0] for row in made.logits]).numpy()
        return [int(token) for token in made.sequences[0, len(shown.ids) :]], logits

    @torch.no_grad()
    def written(self, shown: Shown, count: int, *, until: int | None = None, **options: Any) -> list[list[int]]:
        """The texts of `generate`, at most `count` tokens each, up to and with the token `until`."""
        made = self._model.generate(
            **shown.inputs, max_new_tokens=count, do_sample=False, eos_token_id=until, pad_token_id=0, **options
        )
        texts = [[int(token) for token in row[len(shown.ids) :]] for row in made]
        return [text[: text.index(until) + 1] if until in text else text for text in texts]
