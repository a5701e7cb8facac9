"""Write what a set is known by into its recipe: hashes, versions, fonts and their packages.

    vary data make RECIPE.yaml --out SET
    python scripts/freeze_set.py RECIPE.yaml SET

Run it when a test set is published, and never after: another hash is another test. Packages are
asked of dpkg, where there is one.
"""

import argparse
import re
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from vary.data.fonts import font_files, system_font_folders
from vary.data.frozen import FIRST_SAMPLES, hash_set, pixel_versions
from vary.data.manifest import read_manifest
from vary.data.recipe import load_set_recipe
from vary.data.shards import file_sha256


def package_of(path: Path) -> str:
    """Return the Debian package that brings a file; empty if that cannot be told."""
    if shutil.which("dpkg") is None:
        return ""
    found = subprocess.run(
        ["dpkg", "-S", str(path.resolve())], check=False, capture_output=True, text=True
    )
    return found.stdout.split(":")[0] if found.returncode == 0 else ""


def fonts_of(hashes: dict[str, str], folders: list[Path]) -> dict[str, dict[str, str]]:
    """Return file name -> hash and package, of the fonts that a manifest names."""
    files = [path for folder in folders if folder.is_dir() for path in font_files(folder)]
    fonts: dict[str, dict[str, str]] = {}
    for name, digest in sorted(hashes.items()):
        same_name = (path for path in files if path.name == name.split("#")[0])
        place = next((path for path in same_name if file_sha256(path) == digest), None)
        package = package_of(place) if place else ""
        fonts[name] = {"sha256": digest, **({"package": package} if package else {})}
    return fonts


def main() -> None:
    """Replace the last part of the recipe, `frozen`, or add it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("folder", type=Path, metavar="SET")
    arguments = parser.parse_args()
    recipe = load_set_recipe(arguments.recipe)
    folders = list(getattr(recipe.config, "fonts", None) or system_font_folders())
    fonts = read_manifest(arguments.folder).configuration.get("fonts", {})
    frozen: dict[str, Any] = {
        "whole": asdict(hash_set(arguments.folder)),
        "first": asdict(hash_set(arguments.folder, FIRST_SAMPLES)),
        "versions": pixel_versions(recipe.engine),
    }
    if fonts:
        frozen["fonts"] = fonts_of(fonts, folders)
    text = arguments.recipe.read_text(encoding="utf-8")
    kept = re.split(r"^frozen:\n", text, maxsplit=1, flags=re.MULTILINE)[0]
    written = yaml.safe_dump({"frozen": frozen}, sort_keys=False, allow_unicode=True, width=120)
    arguments.recipe.write_text(kept + written, encoding="utf-8")
    load_set_recipe(arguments.recipe)
    print(yaml.safe_dump({recipe.name: frozen["whole"]}, sort_keys=False))


if __name__ == "__main__":
    main()
