"""Alphabets of lines: which characters may stand on them, and which a CTC head can write."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from vary.data.engines.page.breaking import is_cjk
from vary.data.engines.page.line_text import LATIN_ALPHABET
from vary.errors import InputError

CJK_SIGNS = (
    "、。〈〉《》「」『』【】〔〕〖〗（），：；？！～％＋－＝＜＞／［］"
    "①②③④⑤⑥⑦⑧⑨⑩○◆■□▲△★☆※〇々〃Ⅰ Ⅱ Ⅲ Ⅳ Ⅴ℃№"
).replace(" ", "")
_CJK_FILE = "zh_characters.txt"


@cache
def chinese_alphabet() -> str:
    """Return the Latin alphabet, Chinese punctuation and signs, and the commonest characters.

    Simplified and traditional, the most frequent first (`scripts/zh_characters.py`).
    """
    listed = files("vary.data.engines.page").joinpath(_CJK_FILE).read_text(encoding="utf-8")
    characters = "".join(listed.split())
    return "".join(dict.fromkeys(LATIN_ALPHABET + CJK_SIGNS + characters))


def find_alphabet(name: str) -> str:
    """Return an alphabet by its name, or out of a file.

    Args:
        name: ``latin``, ``zh``, or a UTF-8 file of characters; line breaks do not count. The blank
            is always one of them.

    Raises:
        InputError: neither a name nor a file that can be read, or a file without characters.
    """
    known = {"latin": LATIN_ALPHABET, "zh": chinese_alphabet()}
    if name in known:
        return known[name]
    try:
        listed = Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"no alphabet {name!r} ({reason}); give {', '.join(known)} or a UTF-8 file of "
            "characters"
        ) from error
    characters = "".join(part for part in listed if not part.isspace())
    if not characters:
        raise InputError(f"alphabet {name} is empty; give a file of characters")
    return "".join(dict.fromkeys(" " + characters))


def has_cjk(alphabet: str) -> bool:
    """Return whether an alphabet has Chinese characters."""
    return any(map(is_cjk, alphabet))
