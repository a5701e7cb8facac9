"""The checkpoints that ship with the package, one folder each."""

from pathlib import Path

from vary.errors import VaryError

CONFIG_FILE = "config.json"  # what makes a folder a checkpoint, as everywhere in transformers


def bundled_checkpoints() -> dict[str, Path]:
    """Return the folders of the bundled checkpoints by name."""
    folders = sorted(Path(__file__).parent.iterdir())
    return {folder.name: folder for folder in folders if (folder / CONFIG_FILE).is_file()}


def find_checkpoint(name_or_path: str | Path) -> Path:
    """Return the folder of a checkpoint.

    Args:
        name_or_path: the name of a bundled checkpoint, such as ``nano``, or a folder.

    Raises:
        VaryError: there is no such name and no such folder, or the folder holds no checkpoint.
    """
    bundled = bundled_checkpoints()
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    path = Path(name_or_path)
    if (path / CONFIG_FILE).is_file():
        return path
    if path.exists():
        raise VaryError(
            f"model {str(name_or_path)!r} is no checkpoint: it has no {CONFIG_FILE}; "
            "give the folder that a training run saved its model in"
        )
    known = ", ".join(bundled) or "none in this installation"
    raise VaryError(
        f"unknown model {str(name_or_path)!r}: no bundled one (known: {known}) and no folder; "
        f"give one of these names or the path of a folder that holds a {CONFIG_FILE}"
    )
