"""Glyphs of symbol fonts that stand in the private use area, where their fonts tell them."""

# The built-in encoding of the typeface Symbol; PDF 32000-1, annex D.5.
_GREEK = dict(
    zip(
        [*range(0x41, 0x5B), *range(0x61, 0x7B)],
        "ΑΒΧ∆ΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖαβχδεφγηιϕκλµνοπθρστυϖωξψζ",
        strict=True,
    )
)
_PIECES = "⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪"
_MORE_PIECES = "⎞⎟⎠⎤⎥⎦⎫⎬⎭"
_SIGNS = {
    **{code: chr(code) for code in (*range(0x28, 0x2D), *range(0x2E, 0x40), 0x5B, 0x5D, 0x7B)},
    **{0x2D: "−", 0x7C: "|", 0x7D: "}", 0x7E: "∼", 0x20: " ", 0x21: "!", 0x22: "∀", 0x25: "%"},
    **{0xA3: "≤", 0xA5: "∞", 0xAB: "↔", 0xAC: "←", 0xAD: "↑", 0xAE: "→", 0xAF: "↓", 0xB0: "°"},
    **{0xB1: "±", 0xB3: "≥", 0xB4: "×", 0xB5: "∝", 0xB6: "∂", 0xB7: "•", 0xB8: "÷", 0xB9: "≠"},
    **{0xBA: "≡", 0xBB: "≈", 0xBC: "…", 0xC5: "⊕", 0xC6: "∅", 0xC7: "∩", 0xC8: "∪", 0xC9: "⊃"},
    **{0xCA: "⊇", 0xCC: "⊂", 0xCD: "⊆", 0xCE: "∈", 0xCF: "∉", 0xD1: "∇", 0xD5: "∏", 0xD6: "√"},
    **{0xD7: "⋅", 0xD8: "¬", 0xD9: "∧", 0xDA: "∨", 0xDB: "⇔", 0xDC: "⇐", 0xDE: "⇒", 0xE5: "∑"},
    0xF2: "∫",
    **dict(zip(range(0xE6, 0xF0), _PIECES, strict=True)),
    **dict(zip(range(0xF6, 0xFF), _MORE_PIECES, strict=True)),
}
# What Wingdings is used for in running text: the marks of lists.
_MARKS = {0x6C: "●", 0x6E: "■", 0x71: "❑", 0x76: "❖", 0xA7: "▪", 0xA8: "◻", 0xD8: "➢", 0xE0: "→"}
_MARKS |= {0xFC: "✓", 0xFB: "✗", 0x9F: "•"}
# Adobe's private codes for the parts of tall brackets, whatever the font.
_BRACKETS = {
    **dict(zip(map(chr, range(0xF8EB, 0xF8F5)), _PIECES, strict=True)),
    "\uf8f5": "⎮",
    **dict(zip(map(chr, range(0xF8F6, 0xF8FF)), _MORE_PIECES, strict=True)),
}
_SYMBOL = {chr(0xF000 + code): text for code, text in (_GREEK | _SIGNS).items()}
_WINGDINGS = {chr(0xF000 + code): text for code, text in _MARKS.items()}
_ANY = {"\uf0b7": "•", **_BRACKETS}
# Lines, circles and box corners, which LaTeX draws by glyphs: no text.
_DRAWING_FONTS = ("LINE10", "LINEW10", "LCIRCLE10", "LCIRCLEW10")


def is_drawing_font(font: str) -> bool:
    """Return whether a font's glyphs are parts of drawings."""
    return font.rpartition("+")[2].upper() in _DRAWING_FONTS


def symbol_text(char: str, font: str) -> str:
    """Return what a private character of a symbol font stands for; itself if that is not known."""
    name = font.lower()
    table = _ANY
    if "wingding" in name:
        table = _WINGDINGS
    elif "symbol" in name:
        table = _SYMBOL
    return table.get(char) or _ANY.get(char, char)
