"""Write the Chinese characters of the line engine's alphabet: those that occur in a corpus.

    python scripts/zh_characters.py FOLDER [--least 4] [--exclude PATTERN]

takes the characters that occur at least so often in the `.txt` files of a folder, and the 3,755 of
GB 2312's first level, the most frequent first, fifty to a line.
"""

import argparse
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/vary/data/engines/page/zh_characters.txt"
_PER_LINE = 50


def first_level() -> list[str]:
    """Return the characters of GB 2312's first level: the common ones of simplified Chinese."""
    codes = (bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return [code.decode("gb2312") for code in codes if code < b"\xd7\xfa"]


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--least", type=int, default=4)
    parser.add_argument("--exclude", action="append", default=[])
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    for path in sorted(given.folder.glob("*.txt")):
        if not any(fnmatch(path.name, pattern) for pattern in given.exclude):
            counts.update(path.read_text(encoding="utf-8"))
    chosen = {c for c, n in counts.items() if n >= given.least and "\u4e00" <= c <= "\u9fff"}
    ordered = sorted(chosen.union(first_level()), key=lambda c: (-counts[c], c))
    lines = ("".join(ordered[at : at + _PER_LINE]) for at in range(0, len(ordered), _PER_LINE))
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(ordered)} characters: {TARGET}")


if __name__ == "__main__":
    main()
