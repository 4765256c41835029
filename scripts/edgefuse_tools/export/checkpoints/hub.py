"""Checkpoints by their id on the Hugging Face hub, where the package huggingface_hub is installed and the network allows."""

from __future__ import annotations

import re
from pathlib import Path

from edgefuse_tools.export.errors import ExportError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
FILES = ["*.json", "vocab.txt", "*.safetensors", "pytorch_model*.bin"]
"""What an exporter may read. Of weights the hub often has two forms: those in .bin are fetched only where there is no other."""


def checkpoint_folder(given: str) -> Path:
    """The folder `given`, or the one that the checkpoint of that id ("Salesforce/blip-vqa-base") is fetched to.

    What is a folder is never looked for on the hub. The cache is huggingface_hub's; what is in it is not fetched again.
    """
    folder = Path(given)
    if folder.exists() or not HUB_ID.fullmatch(given):
        return folder
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise ExportError(
            f"{given}: no such folder, and to fetch it from the hub by that id the package huggingface_hub is needed"
        ) from error
    try:
        # Offline, or with the hub out of reach, what the cache has is enough.
        try:
            names = HfApi().list_repo_files(given)
        except Exception:
            return Path(snapshot_download(given, allow_patterns=FILES, local_files_only=True))
        skipped = ["pytorch_model*"] if any(name.endswith(".safetensors") for name in names) else None
        return Path(snapshot_download(given, allow_patterns=FILES, ignore_patterns=skipped))
    except Exception as error:  # huggingface_hub passes on the errors of whatever HTTP library it uses
        reason = next(iter(str(error).split("\n")), "") or type(error).__name__
        raise ExportError(
            f"{given}: no such folder, and it cannot be fetched from the Hugging Face hub ({reason}); give a folder"
        ) from error
