"""Pictures, sounds and records of any form, as what the native half accepts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Union

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

#: A picture: a path or ``file://`` URL, the bytes of a file, an open file, a ``PIL.Image``, or pixels: uint8
#: ``[height, width, 3]`` (RGB) or ``[height, width]`` (grey).
PictureLike = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO, "Image", "np.ndarray[Any, Any]"]

#: A sound: a path or ``file://`` URL, the bytes of a file, an open file, or mono samples in [-1, 1]: float32
#: ``[samples]``, at 16 kHz unless a sample rate is given.
SoundLike = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO, "np.ndarray[Any, Any]"]

#: A record: a dictionary with any of ``id``, ``image``, ``audio``, ``sample_rate`` (of samples), ``text``, ``sensors``,
#: ``image_embedding``, ``text_embedding`` and ``audio_embedding``.
RecordLike = Mapping[str, Any]

_PICTURES = "a path, bytes, an open file, a PIL.Image or a uint8 array [height, width, 3]"
_SOUNDS = "a path, bytes, an open file, or a float32 array [samples] at 16 kHz"

#: Louder than any sound in [-1, 1], even one that a resampler overshot: the samples have another scale.
_LOUDEST = 8.0


class Line(NamedTuple):
    """A line of a manifest, and what it does not contain: bytes or arrays."""

    line: str
    picture: Any
    sound: Any
    rate: int
    #: Its name in messages, and in results if it has no id; its number among the records if empty.
    name: str = ""


def line_of(record: object) -> Line:
    """A record in the form that the native half accepts.

    Raises :class:`InputError` for what is no record.
    """
    if isinstance(record, Line):
        return record
    if not isinstance(record, Mapping):
        raise InputError(f"a record must be a dictionary such as {{'image': 'a.png'}}, not {type(record).__name__}")
    fields: dict[str, Any] = {}
    picture = sound = None
    rate = 16_000
    for key, value in record.items():
        if value is None:
            continue
        if key == "image" and not isinstance(value, Mapping):
            fields["image"], picture = _picture(value)
        elif key == "audio" and not isinstance(value, Mapping):
            fields["audio"], sound = _sound(value)
        elif key == "sample_rate":
            rate = _rate(value)
        else:
            fields[str(key)] = value
    try:
        line = json.dumps(_plain({key: value for key, value in fields.items() if value is not None}), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise InputError(f"the record has a value that is not JSON: {problem}") from problem
    return Line(line, picture, sound, rate)


def _content(value: Any) -> bytes | None:
    """The bytes that ``value`` is, or that are left to read in an open file; ``None`` for anything else."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if not hasattr(value, "read"):
        return None
    content = value.read()
    if not isinstance(content, bytes):
        raise InputError("a file must be open in binary mode: open(path, 'rb')")
    return content


def _picture(value: Any) -> tuple[str | None, Any]:
    """The path of a picture, or its content."""
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value), None
    content = _content(value)
    if content is not None:
        return None, content
    # A PIL.Image, without importing it: its modes (palettes, transparency) are Pillow's own business.
    if hasattr(value, "convert") and hasattr(value, "mode"):
        return None, np.ascontiguousarray(np.asarray(_opaque(value)))
    if not isinstance(value, np.ndarray):
        raise InputError(f"a picture must be {_PICTURES}, not {type(value).__name__}")
    if value.dtype != np.uint8:
        raise InputError(f"the pixels of a picture must be uint8 within 0 to 255, not {value.dtype}")
    if value.ndim == 2:
        value = np.repeat(value[:, :, np.newaxis], 3, axis=2)
    if value.ndim != 3 or value.shape[2] != 3 or 0 in value.shape:
        raise InputError(f"the pixels of a picture must be [height, width, 3] (RGB), not {list(value.shape)}")
    return None, np.ascontiguousarray(value)


def _opaque(image: Any) -> Any:
    """The picture as RGB, blended onto white where it is transparent, as edgefuse reads files."""
    if image.mode in ("RGBA", "LA", "PA") or (image.mode == "P" and "transparency" in image.info):
        image = image.convert("RGBA")
        white = image.copy()
        white.paste((255, 255, 255, 255), (0, 0, *image.size))
        white.alpha_composite(image)
        image = white
    return image.convert("RGB")


def _sound(value: Any) -> tuple[str | None, Any]:
    """The path of a sound, or its content."""
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value), None
    content = _content(value)
    if content is not None:
        return None, content
    if not isinstance(value, np.ndarray):
        raise InputError(f"a sound must be {_SOUNDS}, not {type(value).__name__}")
    if value.dtype != np.float32:
        hint = " (divide int16 by 32768)" if value.dtype == np.int16 else ""
        if value.dtype.kind == "f":
            hint = " (convert with astype(numpy.float32))"
        raise InputError(f"samples must be float32 within -1 to 1, not {value.dtype}{hint}")
    if value.ndim != 1:
        raise InputError(f"samples must be mono, [samples], not {list(value.shape)}; mix them, or use a file's path")
    if value.size and not float(np.abs(value).max()) <= _LOUDEST:
        raise InputError("samples must be within -1 to 1; these are louder, or not numbers")
    return None, np.ascontiguousarray(value)


def _rate(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= int(value) <= 4_000_000:
        raise InputError(f"sample_rate must be a number of Hz such as 16000, not {value!r}")
    return int(value)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
