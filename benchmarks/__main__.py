"""Run every measurement of this folder: each ``measure_*.py`` prints its own table from its ``main``."""

import importlib
from pathlib import Path


def main() -> None:
    """Run the measurements in the order of their names."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("measure_*.py"))
    if not names:
        print("Nothing is measured yet, and so no speed is claimed.")
    for name in names:
        print(f"\n== {name.removeprefix('measure_').replace('_', ' ')}")
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
