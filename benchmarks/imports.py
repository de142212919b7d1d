"""What a user waits for before anything happens: `import docdex`, `docdex --help`; prints one JSON object.

    python benchmarks/imports.py [--rounds N]

Each runs in a fresh interpreter, in turn with an interpreter that does nothing. Times are CPU milliseconds of
the whole process, medians; `added_ms` is what they take beyond the bare interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import docdex": [sys.executable, "-c", "import docdex"],
    "import Recognizer": [sys.executable, "-c", "from docdex import Recognizer"],
    "docdex --help": [str(Path(sys.executable).with_name("docdex")), "--help"],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_ in range(rounds + 1):
        for name, command in COMMANDS.items():
            milliseconds = cpu_ms(command)
            if round_:  # the first round fills caches
                times[name].append(milliseconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(
        json.dumps(
            {
                "benchmark": "imports",
                "python": sys.version.split()[0],
                "rounds": rounds,
                "cpu_ms": {name: round(value, 1) for name, value in medians.items()},
                "added_ms": {name: round(value - medians["python"], 1) for name, value in medians.items()},
            },
            indent=2,
        )
    )


def cpu_ms(command: list[str]) -> float:
    """CPU milliseconds, user and system, of a command with one thread a library."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    main()
