"""A Hugging Face folder as OpenVINO's, by optimum-intel: the stateful decoder and the tokenizer with it."""

from __future__ import annotations

from pathlib import Path

from optimum.exporters.openvino import main_export


def write_openvino(hugging_face: Path, folder: Path, precision: str) -> None:
    """precision: fp32, or int8 for weights in 8 bits."""
    from optimum.intel.openvino import OVConfig

    config = OVConfig(dtype="fp32")
    if precision == "int8":
        from optimum.intel.openvino import OVWeightQuantizationConfig

        config = OVConfig(quantization_config=OVWeightQuantizationConfig(bits=8, sym=False))
    main_export(
        str(hugging_face),
        folder,
        task="automatic-speech-recognition-with-past",
        ov_config=config,
        convert_tokenizer=True,
        library_name="transformers",
    )
