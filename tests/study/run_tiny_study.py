"""Runs a study in the working folder, and says a line for each cell; it is there to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from docdex.study import read_config
from docdex.study.run import run_study

if __name__ == "__main__":
    run_study(read_config(Path(sys.argv[1])), Path(sys.argv[2]), say=lambda line: print(line, flush=True))
