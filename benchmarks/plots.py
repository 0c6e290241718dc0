"""Plots as SVG: bars and lines on a logarithmic scale, readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final

_COLOURS: Final = (
    *("#d1495b", "#2e86ab", "#5b8e7d", "#f4a259", "#8f6bb3", "#8a8d91", "#3d5a80", "#b08968"),
    *("#e07a9b", "#6bbf59", "#c9b037", "#00a3a3"),
)
_WIDTH: Final = 760
_LEFT: Final = 230
_RIGHT: Final = 70
_BAR: Final = 14
_FONT: Final = 'font-family="system-ui, sans-serif" font-size="12" fill="#7a7f87"'


def bars(title: str, groups: Mapping[str, Mapping[str, float]], *, unit: str) -> str:
    """Horizontal bars by group and contender."""
    names = _names(groups)
    scale = _Scale([value for group in groups.values() for value in group.values()], _LEFT, _WIDTH - _RIGHT)
    parts, y = [], 58 + 16 * ((len(names) + 2) // 3)
    top = y
    for group, values in groups.items():
        height = _BAR * len(values)
        parts.append(_text(_LEFT - 8, y + height / 2 + 4, group, "end"))
        for name, value in values.items():
            end = scale.at(value)
            colour = _COLOURS[names.index(name) % len(_COLOURS)]
            parts.append(
                f'<rect x="{_LEFT}" y="{y + 1}" width="{end - _LEFT:.1f}" height="{_BAR - 3}" fill="{colour}"/>'
            )
            parts.append(_text(end + 4, y + _BAR - 4, short(value), "start"))
            y += _BAR
        y += 10
    grid = (_grid(scale.at(value), top - 6, y, f"{value:g}") for value in scale.marks())
    return _svg(y + 24, [_text(8, 22, f"{title} ({unit})", "start"), *_legend(names), *grid, *parts])


def lines(title: str, series: Mapping[str, Mapping[float, float]], *, x: str, y: str) -> str:
    """Lines by contender; both axes are logarithmic, and a zero stands at the left end."""
    names = list(series)
    across = _Scale([max(place, 1) for points in series.values() for place in points], 70, _WIDTH - 30)
    up = _Scale(
        [value for points in series.values() for value in points.values()], 330, 60 + 16 * ((len(names) + 2) // 3)
    )
    parts = [_text(8, 22, f"{title} ({y})", "start"), _text(_WIDTH - 30, 362, x, "end"), *_legend(names)]
    for value in up.marks():
        height = up.at(value)
        parts.append(f'<line x1="70" x2="{_WIDTH - 30}" y1="{height:.1f}" y2="{height:.1f}" stroke="#7a7f8755"/>')
        parts.append(_text(62, height + 4, f"{value:g}", "end"))
    every = sorted({place for points in series.values() for place in points})
    parts.extend(_text(across.at(max(place, 1)), 346, f"{place:,.0f}", "middle") for place in every)
    for number, points in enumerate(series.values()):
        places = [(across.at(max(place, 1)), up.at(value)) for place, value in sorted(points.items())]
        path = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.extend(f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3" fill="{colour}"/>' for left, top in places)
    return _svg(370, parts)


def short(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class _Scale:
    """A logarithmic scale between whole decades."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self.low, self.high = floor(log10(min(values, default=1))), ceil(log10(max(values, default=1)))
        if self.low == self.high:
            self.high += 1
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        return self.start + (log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def marks(self) -> Iterator[float]:
        return (10.0**power for power in range(self.low, self.high + 1))


def _names(groups: Mapping[str, Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for group in groups.values() for name in group))


def _legend(names: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        x, y = 10 + 240 * (number % 3), 48 + 16 * (number // 3)
        yield f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{_COLOURS[number % len(_COLOURS)]}"/>'
        yield _text(x + 15, y, name, "start")


def _grid(x: float, top: float, bottom: float, label: str) -> str:
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="#7a7f8755"/>'
    return line + _text(x, bottom + 14, label, "middle")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {_FONT}>{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}">'
    return "\n".join((head, *parts, "</svg>\n"))
