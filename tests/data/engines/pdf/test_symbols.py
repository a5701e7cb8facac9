from vary.data.engines.pdf.symbols import is_drawing_font, symbol_text


def test_private_characters_are_told_by_their_font():
    assert symbol_text("\uf061", "ABCDEF+Symbol") == "α"
    assert symbol_text("\uf0a3", "SymbolMT") == "≤"
    assert symbol_text("\uf0a7", "Wingdings-Regular") == "▪"
    assert symbol_text("\uf0b7", "Times New Roman") == "•"
    assert symbol_text("\uf8eb", "LMMathExtension10") == "⎛"


def test_what_is_not_known_stays():
    assert symbol_text("\uf061", "Times") == "\uf061"
    assert symbol_text("\ufffd", "Symbol") == "\ufffd"


def test_fonts_that_draw_lines():
    assert is_drawing_font("XYZABC+LCIRCLE10")
    assert not is_drawing_font("CMR10")
