"""The native half (src/python/)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

__version__: str

class Cancellation:
    """Stops the work it was passed to, from any thread."""

    def __init__(self) -> None: ...
    def cancel(self) -> None:
        """Stops the work before its next graph run. It raises ``Cancelled``."""
    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""

class NativeAnswer:
    def json(self) -> str: ...
    def embeddings(self) -> dict[str, Any] | None: ...

class Job:
    def submit(self, line: str, id: str, picture: Any = None, sound: Any = None, rate: int = 16000) -> None: ...
    def submit_bad(self, id: str, problem: str) -> None: ...
    def end(self) -> None: ...
    def next(self) -> NativeAnswer | None: ...
    def give_up(self) -> None: ...

class NativePipeline:
    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        precision: str | None = None,
        threads: int | None = None,
        library: Path | None = None,
    ) -> None: ...
    def steps(self) -> list[str]: ...
    def library(self) -> tuple[Path, str, str]: ...
    def loaded(self) -> list[str]: ...
    def start(
        self,
        steps: str | None,
        *,
        in_flight: int = 1,
        ordered: bool = True,
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
        on_progress: Callable[[int, float, float], object] | None = None,
    ) -> Job: ...

def finish() -> None: ...
