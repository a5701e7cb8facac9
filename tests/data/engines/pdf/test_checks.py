import numpy as np
import pytest

from vary.data.engines.base import Reject
from vary.data.engines.pdf.checks import (
    check_layer,
    check_text,
    ink_under,
    language_of,
    seen_fragments,
)
from vary.data.engines.pdf.layer import Fragment, Piece, TextLayer

GERMAN = "Der Hafen liegt nach Norden offen, und im Winter warten die Schiffe hinter der Mole."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The harbour lies open to the north, and in winter the ferries wait.", "en"),
        (GERMAN, "de"),
        ("Le port est ouvert vers le nord et les bateaux attendent dans la baie.", "fr"),
        ("港口向北敞开，冬天渡船在长堤后面等候 (see RFC 2119)。", "zh"),
        ("港は北に開いていて、冬には渡し船が長い堤の後ろで待つ。", "ja"),
        ("항구는 북쪽으로 열려 있고 겨울에는 배가 기다린다.", "ko"),
        ("Гавань открыта к северу, и зимой паромы ждут.", "other"),
        ("ADD SUB MUL 0110011 funct7 rs2 rs1", ""),
        ("12.5 13.6", ""),
    ],
)
def test_languages(text, language):
    assert language_of(text) == language


def reason(call, *arguments):
    with pytest.raises(Reject) as caught:
        call(*arguments)
    return caught.value.reason


def test_texts_that_do_not_fit(config):
    english = "the words of a page that is long enough and in the language"
    check_text(english, 12, config())
    assert reason(check_text, "short", 12, config()) == "too short"
    assert reason(check_text, english * 200, 12, config()) == "too long"
    assert reason(check_text, english, 4, config()) == "type too small"
    assert reason(check_text, GERMAN, 12, config()) == "another language"
    assert reason(check_text, english, 12, config(language="zh")) == "another language"
    check_text(GERMAN, 12, config(language="any"))


def layer(text="words", **counts):
    piece = Piece(text, (0, 0, 50, 10), False)
    fragment = Fragment([piece], 8, 10, piece.box)
    return TextLayer([fragment], **{"characters": 1000, **counts})


def test_layers_that_cannot_be_trusted(config):
    check_layer(layer(), config())
    check_layer(layer(undecoded=5, invisible=10, turned=20), config())
    assert reason(check_layer, layer(characters=0), config()) == "no text layer"
    assert reason(check_layer, layer(undecoded=6), config()) == "glyphs without Unicode"
    assert reason(check_layer, layer("(cid:77)"), config()) == "glyphs without Unicode"
    assert reason(check_layer, layer(invisible=11), config()) == "invisible text"
    assert reason(check_layer, layer(turned=21), config()) == "turned text"


def test_ink_is_seen_on_any_ground():
    grey = np.full((60, 60), 250, np.uint8)
    grey[5:15, 5:8] = 0  # a stroke that fills its box
    grey[30:, :] = 30
    grey[40:45, 10:20] = 200
    grey[50:55, 40:50] = 33  # too faint to be read
    boxes = np.array([[5, 5, 8, 15], [30, 5, 45, 15], [10, 38, 20, 46], [38, 48, 52, 57]])
    assert ink_under(grey, boxes).tolist() == [True, False, True, False]


def test_ink_is_seen_in_every_colour(config):
    red = np.full((60, 60, 3), (255, 0, 0), np.uint8)
    with pytest.raises(Reject, match="words without ink"):
        seen_fragments(layer(characters=5), 1.0, red, config())
    red[2:8, 5:45:3] = 0  # green tells nothing of black on red
    fragments, boxes = seen_fragments(layer(characters=5), 1.0, red, config())
    assert [part.pieces[0].text for part in fragments] == ["words"]
    assert boxes.tolist() == [[0, 0, 50, 10]]


def test_text_drawn_twice_counts_once(config):
    grey = np.zeros((60, 60), np.uint8)
    grey[::2] = 255
    found = TextLayer(characters=1000)
    for x, y in ((0, 0), (1, 1), (0, 20)):
        piece = Piece("shadow", (x, y, x + 40, y + 10), False)
        found.fragments.append(Fragment([piece], y + 8, 10, piece.box))
    fragments, _ = seen_fragments(found, 1.0, grey, config())
    assert [part.box[1] for part in fragments] == [0, 20]
