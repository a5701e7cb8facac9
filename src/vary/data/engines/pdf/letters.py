"""Characters of text layers: which stand for nothing, which are written otherwise, which script."""

import re
import unicodedata

# What is written by its plain form: Latin ligatures, the ideographs and radicals that broken
# glyph maps give for ideographs, vertical forms, and letters of mathematical typefaces.
_COMPATIBLE = (
    *range(0xFB00, 0xFB07),
    *range(0x2E80, 0x2FE0),
    *range(0xF900, 0xFB00),
    *range(0xFE10, 0xFE1A),
    *range(0xFE30, 0xFE50),
    *range(0x1D400, 0x1D800),
    *range(0x2F800, 0x2FA20),
)
# Marks without ink: zero-width spaces and joiners, direction marks, byte order marks, controls.
# And selectors of a sign's variant, which stand behind it.
_INKLESS = (
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0xFE00, 0xFE10),
    *(0x2060, 0xFEFF, 0x7F),
    *range(0x20),
)
# A soft hyphen in a text layer is one that was drawn: MuPDF gives those at lines' ends. The others
# look as the common one: Unicode's own, and the one at which no line breaks.
_HYPHENS = (0xAD, 0x2010, 0x2011)

_TABLE: dict[int, str | None] = {
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in _COMPATIBLE},
    **dict.fromkeys(_INKLESS),
    **dict.fromkeys(_HYPHENS, "-"),
}
_CJK_RANGES = (
    "\u2e80-\u2fdf\u3000-\u30ff\u3105-\u312f\u31c0-\u31ef\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
)
# Controls, private characters, and the sign for what has no Unicode value; spaces are none.
_UNDECODED_RANGES = "\x00-\x08\x0e-\x1b\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff"
_UNDECODED = re.compile(f"[{_UNDECODED_RANGES}]")
_CJK = re.compile(f"[{_CJK_RANGES}]")
# A word: a character of a script without spaces, or a run of others.
WORD_PATTERN = re.compile(rf"[{_CJK_RANGES}]|[^\s{_CJK_RANGES}]+")
_CID = re.compile(r"\(cid:\d+\)")
# Fonts of TeX whose glyphs have lost their names are written with an arrow in place of ff; a real
# arrow, as on the key, stands after a whole word or alone.
_ARROW = "\u21b5"
_ARROW_FOR_FF = re.compile(rf"(?<=[A-Za-z]){_ARROW}(?=[a-z\-])|(?<=[aiou]){_ARROW}")
# TeX draws the stroke of a negated sign before the sign; Unicode puts it behind.
NEGATION = "\u0338"
_NEGATED = re.compile(rf"{NEGATION}([^\w\s])")
_TRANSLATED = re.compile(f"[{re.escape(''.join(map(chr, _TABLE)))}]")


def normal_text(text: str) -> str:
    """Return a word as targets write it.

    Ligatures, compatibility ideographs, radicals, vertical forms and letters of mathematical
    typefaces become plain characters; marks without ink go; accents are composed. Full-width
    forms, superscripts and circled numbers stay: they look other than their plain forms.
    """
    if text.isascii() and text.isprintable():
        return text
    if len(text) == 1 and "\u3000" < text < "\ua000":
        return text
    if _TRANSLATED.search(text):
        text = text.translate(_TABLE)
    if _ARROW in text:
        text = _ARROW_FOR_FF.sub("ff", text)
    if NEGATION in text:
        text = _NEGATED.sub(rf"\1{NEGATION}", text)
    return unicodedata.normalize("NFC", text)


def is_cjk(char: str) -> bool:
    """Return whether a character belongs to a script that is written without spaces."""
    return char > "\u2e7f" and _CJK.match(char) is not None


def has_cjk(text: str) -> bool:
    """Return whether characters belong to scripts that are written without spaces."""
    return not text.isascii() and _CJK.search(text) is not None


def has_undecoded(text: str) -> bool:
    """Return whether characters of a text layer stand for glyphs without a Unicode value."""
    return _UNDECODED.search(text) is not None


def count_cid(text: str) -> int:
    """Return how many characters belong to the `(cid:12)` that some tools write for glyphs."""
    return sum(len(match) for match in _CID.findall(text))
