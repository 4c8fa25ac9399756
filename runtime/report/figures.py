"""What all figures have in common. Colours are roles: a model's tags say `property=role`, and `page.js` fills in those of the reader's light or
dark scheme. What differs, differs by pattern, marker or label too.
"""

from __future__ import annotations

import textwrap
from typing import Any

from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

ROLES = {"ink": "#1a1a1a", "soft": "#5c5c5c", "faint": "#d8d8d8", "fill": "#3d6f9e", "link": "#b5532a", "paper": "#ffffff"}  # in a light scheme
SHADES = [f"#{n:02x}{n:02x}{n:02x}" for n in (200, 172, 144, 116, 90, 66, 44, 26)]  # a role too, from little to much
FONT = {"value": "system-ui, sans-serif"}
_SMALL = "12px"
LINE = 15  # pixels of a line of it
_LETTERS = 46  # of a line: as many as a screen of 400 pixels has room for
_MOST_LINES = 3


def role(model: Any, **roles: str) -> Any:
    """Give properties the colours of roles."""
    model.update(**{name: ROLES[role] for name, role in roles.items()})
    model.tags = [*model.tags, *(f"{name}={role}" for name, role in roles.items())]
    return model


def empty(height: int, **more: Any) -> Any:
    """An empty one without a toolbar, as wide as the page has room for."""
    found = figure(
        height=height, tools="", toolbar_location=None, sizing_mode="stretch_width", background_fill_color=None, border_fill_color=None, **more
    )
    found.outline_line_color = None
    for axis in found.axis:
        role(axis, major_label_text_color="soft", axis_line_color="faint", major_tick_line_color="faint", axis_label_text_color="soft")
        axis.update(
            minor_tick_line_color=None, major_label_text_font=FONT["value"], axis_label_text_font=FONT["value"], axis_label_text_font_style="normal"
        )
    for grid in found.grid:
        role(grid, grid_line_color="faint")
    return found


def lines(words: str) -> str:
    """Words in lines that a narrow screen has room for; what three of them do not hold is cut."""
    return "\n".join(textwrap.wrap(words, _LETTERS, max_lines=_MOST_LINES, placeholder=" ...")) or " "


def height(words: str) -> int:
    """Pixels of its lines."""
    return LINE * (1 + words.count("\n"))


def text(found: Any, source: ColumnDataSource, **more: Any) -> Any:
    """Words where the columns x and y say, from the column text."""
    more = {"text_font": FONT, "text_font_size": _SMALL, "text_baseline": "bottom"} | more
    return role(found.text(x="x", y="y", text="text", source=source, **more).glyph, text_color="ink")
