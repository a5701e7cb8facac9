"""What a vocabulary's card says, for people and for programs."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

CARD_FILE = "card.json"
README_FILE = "README.md"
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_HEADING = re.compile(r"^(#+)\s+(.*?)\s*$", re.MULTILINE)
# Headings of a checkpoint's card under which data and licences stand.
_ON_DATA = re.compile(r"train|data|licen[cs]|source|训练|数据|许可", re.IGNORECASE)
_CHUNK_BYTES = 2**20


def sha256(path: Path) -> str:
    """Return the hash of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read_origin(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint's own card tells of data and licences.

    Keys: `license` and `language` of the front matter, `data` the sections on them as Markdown;
    None each where nothing is told.
    """
    path = folder / README_FILE
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found = _FRONT_MATTER.match(text)
    fields: Any = None
    if found:
        try:
            fields = yaml.safe_load(found.group(1))
        except yaml.YAMLError:
            fields = None
    fields = fields if isinstance(fields, dict) else {}
    body = text[found.end() :] if found else text
    return {
        "license": fields.get("license"),
        "language": fields.get("language"),
        "data": "\n\n".join(_sections(body)) or None,
    }


def _sections(text: str) -> list[str]:
    """Return the sections whose heading speaks of data or licences, their subsections with them."""
    headings = [*_HEADING.finditer(text)]
    found: list[str] = []
    end = 0
    for number, heading in enumerate(headings):
        # The title of the whole card is no section.
        if heading.start() < end or len(heading[1]) == 1 or not _ON_DATA.search(heading[2]):
            continue
        after = (h.start() for h in headings[number + 1 :] if len(h[1]) <= len(heading[1]))
        end = next(after, len(text))
        found.append(f"### {heading[2]}\n\n{text[heading.end() : end].strip()}")
    return found


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write `card.json` and `README.md` beside a vocabulary's weights.

    Args:
        folder: with the weights.
        card: as `vary.model.vocabulary_folder` makes it.
    """
    text = json.dumps(card, indent=2, ensure_ascii=False)
    (folder / CARD_FILE).write_text(text + "\n", encoding="utf-8")
    (folder / README_FILE).write_text(_readme(card), encoding="utf-8")


def _readme(card: dict[str, Any]) -> str:
    fields: dict[str, Any] = {"library_name": "vary", "tags": ["vary", "vision-vocabulary"]}
    fields |= {name: card[name] for name in ("license", "language") if card[name]}
    rows = "\n".join(f"| {name} | {value} |" for name, value in _facts(card))
    hashes = "\n".join(f"- `{name}`: sha256 `{value}`" for name, value in card["weights"].items())
    data = card["data"] or "The checkpoint that it comes from does not tell."
    return (
        f"---\n{yaml.safe_dump(fields, allow_unicode=True, sort_keys=False)}---\n\n"
        f"# {card['name']}\n\n"
        "A vision vocabulary: a network that turns an image into tokens for a language model.\n\n"
        f"| | |\n|---|---|\n{rows}\n\n"
        "```python\nfrom vary.model import load_vocabulary\n"
        'network, images = load_vocabulary("FOLDER")\n'
        'tokens = network(images(picture)["pixel_values"]).last_hidden_state\n```\n\n'
        f"## Weights\n\n{hashes}\n\n## Trained on\n\n{data}\n"
    )


def _facts(card: dict[str, Any]) -> list[tuple[str, str]]:
    rule, origin = card["image"], card["origin"]
    mean, std = (", ".join(f"{value:g}" for value in rule[name]) for name in ("mean", "std"))
    grid = " x ".join(map(str, card["grid"]))
    rows = [
        ("network", card["network"]),
        ("parameters", f"{card['parameters']:,} in {card['dtype']}"),
        ("tokens", f"{card['tokens']} ({grid}) of width {card['token_size']} of an image of "
                   f"{card['image_size'][0]} x {card['image_size'][1]} px"),
        ("image", f"RGB, values between 0 and 1, mean {mean}, standard deviation {std}"),
        ("size", f"mode {rule['mode']}, {rule['height']} x {rule['width']} px, "
                 f"{rule['resample']} of {rule['backend']}, "
                 f"{'with' if rule.get('antialias', True) else 'without'} antialias"),
        ("CTC head", f"{card['ctc']['classes']} classes" if card["ctc"] else "none"),
        ("kinds told apart", ", ".join(card["kinds"]) or "none"),
        ("tasks of its model", ", ".join(card["tasks"]) or "none named"),
        ("prompt of its model", f"`{card['prompt']}`" if card["prompt"] else "not known"),
    ]  # fmt: skip
    if origin:
        rows.append(("taken from", f"{origin['checkpoint']}, vocabulary {origin['index']} of "
                                   f"{origin['vocabularies']}"))  # fmt: skip
    return rows
