"""Measure what similarities of MiniLM mean, and write its packaged passport; prints the default threshold.

    python benchmarks/minilm_passport.py [--config configs/text.toml]

On the texts that thresholds of the packaged model `text` are measured on, by the same rule: the config's
`validation`. Needs the extras `train` and `text`, and MiniLM's weights (docs/text-model.md).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from docdex.training.text import read_text_config
from docdex.training.text.release import release_minilm

CONFIG = Path(__file__).resolve().parent.parent / "configs" / "text.toml"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=CONFIG)
    passport = release_minilm(read_text_config(parser.parse_args().config).validation)
    print(json.dumps({"model": passport.name, "threshold": passport.default_threshold}))


if __name__ == "__main__":
    main()
