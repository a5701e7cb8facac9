"""Say how far a text is from the truth, and fail where it is too far: the last line of `make demo`.

Usage: python scripts/compare_text.py READ.txt TRUTH.txt --at-most 0.05
"""

import argparse
import sys
from pathlib import Path

from vary.eval.metrics import collapse_white_space, edit_distance


def main() -> int:
    """Return 0 where the edit distance is within the bound, else 1."""
    parser = argparse.ArgumentParser(
        description="Edit distance of two texts, white space collapsed."
    )
    parser.add_argument("read", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--at-most", type=float, default=1.0, metavar="BOUND")
    arguments = parser.parse_args()
    read, truth = (
        collapse_white_space(path.read_text(encoding="utf-8"))
        for path in (arguments.read, arguments.truth)
    )
    distance = edit_distance(read, truth)
    passed = distance <= arguments.at_most
    print(
        f"edit distance to {arguments.truth}: {distance:.4f} "
        f"({'within' if passed else 'above'} the bound of {arguments.at_most:g})"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
