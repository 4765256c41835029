"""An authority of its own, and certificates that it issues, by the program `openssl`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from edgefuse_tools import debian

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    """`ca.pem` in a folder, and a certificate for `localhost`, `NAME.pem` with `NAME.key`, for each name."""

    def __init__(self, folder: str, *names: str) -> None:
        self.folder = Path(folder)
        self._openssl("req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost\n")
        for name in names:
            self._openssl("req", *_KEY, "-keyout", f"{name}.key", "-out", "request", "-subj", f"/CN={name}")
            signed = ["-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
            self._openssl("x509", "-req", *signed, "-out", f"{name}.pem")

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def _openssl(self, *arguments: str) -> None:
        program = debian.program("openssl")
        subprocess.run([program, *arguments], cwd=self.folder, check=True, capture_output=True)
