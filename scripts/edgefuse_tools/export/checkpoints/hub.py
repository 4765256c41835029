"""Checkpoints by Hugging Face hub id; needs the package huggingface_hub and the network."""

from __future__ import annotations

import re
from pathlib import Path

from edgefuse_tools.export.errors import ExportError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
FILES = ["*.json", "vocab.txt", "*.safetensors", "pytorch_model*.bin"]
"""Files that an exporter may read. The hub often has the weights in two formats: .bin is downloaded only if it is the
only one."""


def checkpoint_folder(given: str) -> Path:
    """The folder `given`, or the download of the checkpoint with that id ("Salesforce/blip-vqa-base").

    An existing folder is never looked up on the hub. Downloads go through huggingface_hub's cache.
    """
    folder = Path(given)
    if folder.exists() or not HUB_ID.fullmatch(given):
        return folder
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise ExportError(
            f"{given}: no such folder; to download it by that id from the Hugging Face hub, install the package huggingface_hub"
        ) from error
    try:
        # Offline, or with the hub unreachable, a complete cache is enough.
        try:
            names = HfApi().list_repo_files(given)
        except Exception:
            return Path(snapshot_download(given, allow_patterns=FILES, local_files_only=True))
        skipped = ["pytorch_model*"] if any(name.endswith(".safetensors") for name in names) else None
        return Path(snapshot_download(given, allow_patterns=FILES, ignore_patterns=skipped))
    except Exception as error:  # huggingface_hub passes on errors of its HTTP library
        reason = next(iter(str(error).split("\n")), "") or type(error).__name__
        raise ExportError(
            f"{given}: no such folder, and it cannot be downloaded from the Hugging Face hub ({reason}); pass a folder"
        ) from error
