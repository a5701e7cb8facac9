import pytest

from vary.data.corpus import Paragraph
from vary.data.engines.page.passages import cut_passages
from vary.errors import InputError


def corpus(**lengths):
    return [Paragraph("x" * length, name) for name, many in lengths.items() for length in many]


def test_passages_cover_all_and_do_not_overlap():
    paragraphs = corpus(a=[30, 10, 50, 20, 40] * 8, b=[100] * 9, c=[7] * 30)
    passages = cut_passages(paragraphs, 20)
    assert sorted(at for passage in passages for at in passage) == list(range(len(paragraphs)))
    for passage in passages:
        assert len({paragraphs[at].source for at in passage}) == 1


def test_passages_are_about_equally_long_and_files_are_mixed():
    paragraphs = corpus(a=[40, 60] * 60, b=[50] * 120)
    passages = cut_passages(paragraphs, 40)
    lengths = [sum(len(paragraphs[at].text) for at in passage) for passage in passages]
    assert max(lengths) <= 1.2 * min(lengths)
    assert {paragraphs[passages[at].start].source for at in (0, 1)} == {"a", "b"}


def test_long_paragraphs_are_passages_of_their_own():
    assert cut_passages(corpus(a=[1000, 1, 1, 1]), 3) == [range(1), range(1, 2), range(2, 4)]
    assert cut_passages(corpus(a=[1, 1, 1, 1000]), 4) == [range(at, at + 1) for at in range(4)]
    assert len(cut_passages(corpus(a=[1] * 3, b=[9000]), 3)) == 3


def test_a_file_too_short_gives_no_passage():
    assert cut_passages(corpus(a=[500] * 4, b=[1]), 2) == [range(2), range(2, 4)]


def test_more_passages_than_paragraphs_are_refused():
    with pytest.raises(InputError, match="5 passages cannot be cut from 4 paragraphs"):
        cut_passages(corpus(a=[1, 1], b=[1, 1]), 5)
