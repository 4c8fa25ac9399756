"""Give the commands files that somebody has changed: python tests/fuzz [--seed N] [--cases N] [--kind K] [--minutes M] [--keep DIR]

A seed that is not given is drawn and printed; the same seed gives the same cases. Ends with 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[0:1] = [str(HERE.parents[1]), str(HERE.parent)]  # run as a folder: `fuzz` and what it imports are beside it, not in it

from fuzz import campaign, child, judge, keep
from fuzz.report import Tally, tally


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="default: drawn")
    parser.add_argument("--cases", type=int, default=20_000, help="of all kinds together (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case of each kind (default: 0)")
    parser.add_argument("--kind", action="append", choices=list(campaign.KINDS), help="may be given more than once (default: all)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no case after this long")
    parser.add_argument("--jobs", type=int, default=2, help="cases at once (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the first case of each group of faults")
    parser.add_argument("--replay", type=Path, metavar="DIR", help="run one kept case again, and show what it says")
    parser.add_argument("--real", action="store_true", help="run every command in a process of its own too, as a shell does; they must end alike")
    return parser.parse_args()


def main() -> int:
    """0: every promise was kept."""
    o = _options()
    return _replay(o.replay, o.real) if o.replay else _campaign(o)


def _campaign(o: argparse.Namespace) -> int:
    seed, names = secrets.randbelow(1 << 32) if o.seed is None else o.seed, o.kind or list(campaign.KINDS)
    print(f"seed {seed}", flush=True)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-seeds-") as folder:
        campaign.prepare(Path(folder), names)
        how = campaign.Campaign(seed, Path(folder), begin + 60 * o.minutes, o.keep, o.real)
        found = tally(campaign.run(how, names, -(-o.cases // len(names)), o.jobs, o.first), _tell)
    return _report(found, o.keep, time.monotonic() - begin)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _report(found: Tally, kept: Path | None, seconds: float) -> int:
    for line in found.lines(kept):
        print(line.encode(errors="backslashreplace").decode())
    print(f"{sum(found.cases.values()):,} cases in {seconds:,.0f} s, {len(found.groups)} faults")
    return 1 if found.groups else 0


def _replay(folder: Path, real: bool) -> int:
    _, change, steps = keep.read_steps(folder)
    print(change.what)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as parent:
        here = campaign.copied(folder, Path(parent) / "case")
        done = campaign.carried_out(steps, here, child.Limits(), child.spawned if real else child.forked)
    for d in done:
        print(keep.shown(d))
    for fault in (found := judge.faults(change, done)):
        print(f"{fault.sort}: {fault.signature}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
