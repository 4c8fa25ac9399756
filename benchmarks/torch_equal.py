"""Torch's integer mode against `fast`, sentence by sentence: spikes of the last layer and logits. `torch_equal.py CKPT PROGRAM GLUE_DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tritspike.models.equality import compare


def main() -> None:
    """Print the counts; exit 1 where any differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("program", type=Path)
    parser.add_argument("data")
    parser.add_argument("--limit", type=int)
    o = parser.parse_args()
    found = compare(o.checkpoint, o.program, o.data, o.limit)
    print(found)
    sys.exit(not found.all_equal)


if __name__ == "__main__":
    main()
