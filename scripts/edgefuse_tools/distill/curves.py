"""Training curves as an SVG picture, legible on light and dark backgrounds."""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 300, 56, 56, 34, 40
_TEXT, _GRID = "#7d8590", "#7d859055"
_COLOURS = {"training_loss": "#8b949e", "loss": "#2f81f7", "accuracy": "#3fb950"}
_TITLES = {"training_loss": "training loss", "loss": "held-out loss", "accuracy": "held-out accuracy (right axis)"}


def draw(history: Sequence[dict[str, float]]) -> str:
    """Loss (left axis) and accuracy (right axis, 0..1) over the steps; a ring marks the selected model."""
    last = max(point["step"] for point in history)
    highest = max(max(point["training_loss"], point["loss"]) for point in history) or 1.0
    tops = {"training_loss": highest, "loss": highest, "accuracy": 1.0}

    def place(point: dict[str, float], name: str) -> tuple[float, float]:
        x = _LEFT + point["step"] / last * (_WIDTH - _LEFT - _RIGHT)
        return x, _HEIGHT - _BOTTOM - point[name] / tops[name] * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_grid(highest, int(last))]
    for index, (name, colour) in enumerate(_COLOURS.items()):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(point, name) for point in history))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{_LEFT + 4 + 210 * index}" y="18" fill="{colour}">{_TITLES[name]}</text>')
    x, y = place(min(history, key=lambda point: point["loss"]), "loss")
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="none" stroke="{_COLOURS["loss"]}" stroke-width="2"/>')
    style = f'font-family="system-ui, sans-serif" font-size="12" fill="{_TEXT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" aria-label="Loss and accuracy over the steps of training"><g {style}>\n'
        + "\n".join(parts)
        + "\n</g></svg>\n"
    )


def _grid(highest: float, last: int) -> str:
    lines = []
    for quarter in range(5):
        y = _HEIGHT - _BOTTOM - quarter / 4 * (_HEIGHT - _TOP - _BOTTOM)
        lines.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{highest * quarter / 4:.2f}</text>')
        lines.append(f'<text x="{_WIDTH - _RIGHT + 6}" y="{y + 4:.1f}">{quarter / 4:.2f}</text>')
    lines.append(f'<text x="{_LEFT}" y="{_HEIGHT - 14}">step 0</text>')
    lines.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 14}" text-anchor="end">{last}</text>')
    return "\n".join(lines)
