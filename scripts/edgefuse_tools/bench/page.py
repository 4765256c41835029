"""Parts shared by the pages of all benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Table = Callable[[dict[str, Any]], str]
"""A section of the results as a Markdown table."""


def page(results: dict[str, Any], title: str, preamble: str, chart: str, table: Table) -> str:
    """A page of docs/benchmarks: `title`, how it was measured, the picture `chart`, and one table per model."""
    parts = [f"# {title}: edgefuse and other engines", "", preamble]
    if results["models"]:
        parts += [f"![Times of edgefuse and other engines]({chart})", ""]
    for model, section in results["models"].items():
        parts += [f"## {model}", "", table(section), "", machine_line(section), ""]
        if section["not_run"]:
            parts += ["Not run:", ""]
            parts += [f"- {note['engine']} ({note['workload']}): {note['why']}" for note in section["not_run"]]
            parts += [""]
    return "\n".join(parts).rstrip() + "\n"


def readme_section(results: dict[str, Any], title: str, chart: str, table: Table, empty: str) -> str:
    """The text between the markers in README.md; `empty` if there are no results."""
    if not results["models"]:
        return empty
    parts = [f"![Times of edgefuse and other engines](docs/benchmarks/{chart})"]
    for model, section in results["models"].items():
        parts += [f"{title} {model}:", table(section), machine_line(section)]
    return "\n\n".join(parts)


def machine_line(section: dict[str, Any]) -> str:
    """The machine, the date, the commit and the versions of a section."""
    machine = section["machine"]
    versions = ", ".join(
        f"{package} {version.removeprefix(package).strip()}" for package, version in section["versions"].items()
    )
    return (
        f"{machine['cpu']} ({', '.join(machine['flags'])}), {machine['threads']} threads; {section['date']}, "
        f"commit {section['commit']}; {versions}."
    )
