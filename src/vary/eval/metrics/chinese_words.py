"""Chinese cut into words exactly as jieba cuts it, in time linear in the text.

The dictionary and the probabilities are jieba's, read from the installed package; the search is
our own, since jieba's takes time quadratic in a run of characters that form no words, and a model
that repeats one character to its limit writes just that. Nothing is logged and no cache is written
(`jieba.initialize` does both, into the folder of temporary files).

Source: jieba 0.42.1, `cut` in its accurate mode with the hidden Markov model. Among all ways
through the dictionary the likeliest by word frequencies is taken; runs of single characters are cut
again by a hidden Markov model over the states begin, middle, end and single.
"""

import math
import re
import threading
import warnings
from collections.abc import Iterator
from functools import cache

from vary.extras import require

# What jieba's dictionary is asked about; all else is cut into single characters.
_BLOCK = re.compile(r"([\u4E00-\u9FD5a-zA-Z0-9+#&._%\-]+)")
_LINE_END_OR_SPACE = re.compile(r"(\r\n|\s)")
_HAN = re.compile(r"([\u4E00-\u9FD5]+)")
_NUMBER_OR_LATIN = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")
_IMPOSSIBLE = -3.14e100
"""The logarithm that jieba's tables give to what never happens."""

_loading = threading.Lock()


class ChineseCutter:
    """Cuts text into words.

    Attributes:
        log_probabilities: word -> logarithm of its share of all words; 0.0 where the key is only
            the beginning of words, which no word's logarithm is.
        unknown: logarithm for a character that is no word.
    """

    def __init__(self) -> None:
        with warnings.catch_warnings():  # of escapes in its patterns, and of pkg_resources
            warnings.simplefilter("ignore")
            jieba = require("jieba", extra="eval")
            model = require("jieba.finalseg", extra="eval")
        tokenizer = jieba.Tokenizer()
        frequencies, total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
        log_total = math.log(total)
        self.unknown = math.log(1) - log_total
        self.log_probabilities = {
            word: math.log(frequency) - log_total if frequency else 0.0
            for word, frequency in frequencies.items()
        }
        self._hmm = HiddenMarkovModel(model.start_P, model.trans_P, model.emit_P)

    def cut(self, text: str) -> list[str]:
        """Return the words of a text, white space among them: joined they are the text."""
        words: list[str] = []
        for number, block in enumerate(_BLOCK.split(text)):
            if number % 2:
                words.extend(self._cut_block(block))
            elif block:
                for part in _LINE_END_OR_SPACE.split(block):
                    if part == "\r\n":
                        words.append(part)
                    else:
                        words.extend(part)
        return words

    def _cut_block(self, block: str) -> Iterator[str]:
        ends = self._best_ends(block)
        start, singles_from = 0, 0
        while start < len(block):
            end = ends[start]
            if end - start > 1:
                if singles_from < start:
                    yield from self._cut_singles(block[singles_from:start])
                yield block[start:end]
                singles_from = end
            start = end
        if singles_from < start:
            yield from self._cut_singles(block[singles_from:start])

    def _best_ends(self, block: str) -> list[int]:
        """Return for each place of a block where the word ends that begins there."""
        look_up, unknown = self.log_probabilities.get, self.unknown
        length = len(block)
        ends = [0] * length
        best = [0.0] * (length + 1)
        for start in range(length - 1, -1, -1):
            stop, highest, best_end = start + 1, 0.0, 0
            own = look_up(block[start])
            while own is not None:
                if own:
                    value = own + best[stop]
                    # The longer word where two are as likely.
                    if not best_end or value >= highest:
                        highest, best_end = value, stop
                if stop == length:
                    break
                stop += 1
                own = look_up(block[start:stop])
            if not best_end:
                highest, best_end = unknown + best[start + 1], start + 1
            best[start], ends[start] = highest, best_end
        return ends

    def _cut_singles(self, run: str) -> list[str]:
        """Return the words of a run of characters of which the dictionary made no words."""
        if len(run) == 1:
            return [run]
        if self.log_probabilities.get(run):
            return list(run)
        words: list[str] = []
        for number, part in enumerate(_HAN.split(run)):
            if number % 2:
                words.extend(self._hmm.cut(part))
            elif part:
                words.extend(piece for piece in _NUMBER_OR_LATIN.split(part) if piece)
        return words


class HiddenMarkovModel:
    """Finds words that stand in no dictionary, by which place in a word each character likes.

    Args:
        start: logarithms for the first character's state.
        transitions: state -> next state -> logarithm.
        emissions: state -> character -> logarithm.
    """

    def __init__(
        self,
        start: dict[str, float],
        transitions: dict[str, dict[str, float]],
        emissions: dict[str, dict[str, float]],
    ) -> None:
        self._start = tuple(start[state] for state in "BMES")
        self._emissions = tuple(emissions[state] for state in "BMES")
        self._steps = tuple(
            transitions[before].get(after, _IMPOSSIBLE)
            for before, after in ("EB", "SB", "BM", "MM", "BE", "ME", "ES", "SS")
        )

    def cut(self, run: str) -> Iterator[str]:
        """Yield the words of a run of Chinese characters."""
        states = self._states(run)
        start = 0
        for number, state in enumerate(states):
            if state == "B":
                start = number
            elif state == "E":
                yield run[start : number + 1]
                start = number + 1
            elif state == "S":
                yield run[number]
                start = number + 1
        if start < len(run):
            yield run[start:]

    def _states(self, run: str) -> list[str]:
        """Return the likeliest states; of equal ones the later in the alphabet, as jieba does.

        Logarithms are added in jieba's order: in sums with -3.14e100 the order decides.
        """
        in_b, in_m, in_e, in_s = (emission.get for emission in self._emissions)
        e_b, s_b, b_m, m_m, b_e, m_e, e_s, s_s = self._steps
        b, m, e, s = (
            first + emission.get(run[0], _IMPOSSIBLE)
            for first, emission in zip(self._start, self._emissions, strict=True)
        )
        befores: list[tuple[str, str, str, str]] = []
        for character in run[1:]:
            own = in_b(character, _IMPOSSIBLE)
            b1, b2 = e + e_b + own, s + s_b + own
            own = in_m(character, _IMPOSSIBLE)
            m1, m2 = b + b_m + own, m + m_m + own
            own = in_e(character, _IMPOSSIBLE)
            e1, e2 = b + b_e + own, m + m_e + own
            own = in_s(character, _IMPOSSIBLE)
            s1, s2 = e + e_s + own, s + s_s + own
            befores.append(
                (
                    "S" if b2 >= b1 else "E",
                    "M" if m2 >= m1 else "B",
                    "M" if e2 >= e1 else "B",
                    "S" if s2 >= s1 else "E",
                )
            )
            b, m = max(b1, b2), max(m1, m2)
            e, s = max(e1, e2), max(s1, s2)
        states = ["S" if s >= e else "E"]
        for before in reversed(befores):
            states.append(before["BMES".index(states[-1])])
        return states[::-1]


@cache
def _load() -> ChineseCutter:
    return ChineseCutter()


def chinese_cutter() -> ChineseCutter:
    """Return the cutter of this process; the first call takes about a second.

    Raises:
        MissingExtraError: jieba is not installed.
    """
    with _loading:
        return _load()
