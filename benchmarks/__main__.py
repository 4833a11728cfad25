"""All benchmarks one after the other, and their rows in one table: `make bench`, `make bench-full`.

Each runs in a process of its own and keeps its rows in `results/`. None runs beside another.
"""

import argparse
import json
import subprocess
import sys
import time

from benchmarks.side_by_side import RESULTS, Row, show

MODULES = ("start", "describe", "extract", "loader", "classify", "long_batch", "step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=MODULES, help=f"by default {', '.join(MODULES)}")
    parser.add_argument("--full", action="store_true", help="growth too, which takes an hour")
    given = parser.parse_args()
    began = time.time()
    for name in (*given.modules, *(["growth"] * given.full)):
        print(f"{(time.time() - began) / 60:4.1f} min: {name} ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], stdout=subprocess.DEVNULL, check=True)
    kept = [path for path in sorted(RESULTS.glob("*.json")) if path.stat().st_mtime >= began]
    show(Row(**one) for path in kept for one in json.loads(path.read_text(encoding="utf-8"))["rows"])
    print(f"{(time.time() - began) / 60:.0f} minutes; the rows are kept in {RESULTS}")


if __name__ == "__main__":
    main()
