"""Check that a wheel holds every file of the package: code, checkpoint, tokenizer.

Usage: python scripts/check_wheel.py WHEEL SOURCE_FOLDER
"""

import sys
import zipfile
from pathlib import Path

LEFT_OUT = {"__pycache__"}


def main(wheel: Path, source: Path) -> int:
    """Return 0 where nothing of the source folder is missing from the wheel, else 1."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    wanted = {
        path.relative_to(source.parent).as_posix()
        for path in source.rglob("*")
        if path.is_file() and not LEFT_OUT.intersection(path.parts)
    }
    missing = sorted(wanted - packed)
    for name in missing:
        print(f"not in {wheel.name}: {name}", file=sys.stderr)
    size_mib = wheel.stat().st_size / 2**20
    print(f"{wheel.name}: {len(wanted & packed)} of {len(wanted)} files, {size_mib:.1f} MiB")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
