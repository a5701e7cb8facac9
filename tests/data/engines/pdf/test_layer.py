"""Lines of a text layer as pieces."""

from vary.data.engines.pdf.layer import _fragments, _Line


def test_the_stroke_of_a_negated_sign_goes_to_its_sign():
    text = "aa\u0338 = b"
    chars = [
        {"c": char, "bbox": (i, 0, i + 1, 10), "origin": (i, 8)} for i, char in enumerate(text)
    ]
    line = _Line(chars, text, 10.0, [(0, 3), (4, 5), (6, 7)])
    (fragment,) = _fragments(line, [(0, 0, 3, 10), (4, 0, 5, 10), (6, 0, 7, 10)])
    assert [piece.text for piece in fragment.pieces] == ["aa", "≠", "b"]
