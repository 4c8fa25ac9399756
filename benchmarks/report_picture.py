"""README's picture of a report page, results/report.png: its spikes, in a headless Chromium.

    python benchmarks/report_picture.py REPORT.html [--width 1100] [--at SELECTOR]

The page: `tritspike report sst2.tsp --data GLUE --limit 200 --text "a warm and funny film , if a little long" --out REPORT.html`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from browser import MISSING, browser


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--width", type=int, default=1100)
    parser.add_argument("--at", default="#spikes", help="what is at the top of the picture (default: %(default)s)")
    o = parser.parse_args()
    if MISSING:
        raise SystemExit(f"error: {MISSING} not found")
    with browser() as found:
        found.look(o.width)
        found.open(o.page)
        found.run("document.querySelector(arguments[0]).scrollIntoView()", o.at)
        (HERE / "results" / "report.png").write_bytes(found.picture(whole=False))


if __name__ == "__main__":
    main()
