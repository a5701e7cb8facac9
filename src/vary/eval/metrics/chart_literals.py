"""A dict out of an answer: Python's or JSON's writing, read and never run."""

import re
from typing import Any

from vary.eval.records import clean_text

# {"title": ..., "data": {series: {key: value}}} is three deep; what is much deeper is no chart.
_DEEPEST = 8
# Braces in sentences before the dict; a flood of them is no answer.
_MOST_STARTS = 64
_SPACE = re.compile(r"\s*")
_BARE = re.compile(r"[^\s,:{}\[\]()'\"][^,:{}\[\]()'\"\n]*")
_AFTER_STRING = re.compile(r"\s*(?:[:,}\])]|$)")
_PIECE = re.compile(r"[^\\'\"]+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}
_CLOSING = {"[": "]", "(": ")"}
_NOTHING = {"None", "null"}


def parse_dict(text: str) -> dict[str, Any] | None:
    """Return the first dict in a text, None where there is none or its end is missing.

    What stands before and after it does not count: a first sentence, code fences, rubbish. Both
    kinds of quotes, JSON and Python alike; a quote within a text is understood where no comma,
    colon or bracket follows it. Of a key that comes twice the last counts, as in both languages.

    Returns: keys and values as texts, numbers as they were written, None and null as the empty
        text; dicts and lists inside as such.
    """
    start = text.find("{")
    for _ in range(_MOST_STARTS):
        if start < 0:
            break
        for is_lenient in (False, True):
            reader = _Reader(text, start, is_lenient)
            try:
                return reader.read_dict(1)
            except _NotReadableError as error:
                has_begun = error.has_begun
        # `{x}` in a sentence is passed over; a dict that breaks off has no second chance, or its
        # inner part would be taken for the whole.
        if has_begun:
            return None
        start = text.find("{", start + 1)
    return None


class _NotReadableError(Exception):
    """The text is no dict from here on."""

    def __init__(self, has_begun: bool) -> None:
        super().__init__()
        self.has_begun = has_begun


class _Reader:
    """Reads one value after the other from a place in a text."""

    def __init__(self, text: str, at: int, is_lenient: bool) -> None:
        self.text = text
        self.at = at
        self.is_lenient = is_lenient
        self.has_begun = False

    def read_dict(self, depth: int) -> dict[str, Any]:
        """Return the dict that opens here."""
        found: dict[str, Any] = {}
        self._expect("{")
        while not self._take("}"):
            key = self._read_text()
            self._expect(":")
            self.has_begun = True
            found[key] = self._read_value(depth)
            if not self._take(","):
                self._expect("}")
                break
        return found

    def _read_list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        closing = _CLOSING[self.text[self.at]]
        self.at += 1
        while not self._take(closing):
            found.append(self._read_value(depth))
            if not self._take(","):
                self._expect(closing)
                break
        return found

    def _read_value(self, depth: int) -> Any:
        letter = self._next()
        if letter in "{[(" and depth >= _DEEPEST:
            raise self._error()
        if letter == "{":
            return self.read_dict(depth + 1)
        return self._read_list(depth + 1) if letter in "[(" else self._read_text()

    def _read_text(self) -> str:
        letter = self._next()
        if letter in "'\"":
            return self._read_string(letter)
        bare = _BARE.match(self.text, self.at)
        if bare is None:
            raise self._error()
        self.at = bare.end()
        word = bare.group().rstrip()
        return "" if word in _NOTHING else clean_text(word)

    def _read_string(self, quote: str) -> str:
        parts: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "\\":
                parts.append(self._read_escape())
            elif letter == quote and self._closes():
                self.at += 1
                return _joined(parts)
            elif letter in "'\"":
                parts.append(letter)
                self.at += 1
            else:
                piece = _PIECE.match(self.text, self.at)
                assert piece is not None
                parts.append(piece.group())
                self.at = piece.end()
        raise self._error()

    def _read_escape(self) -> str:
        escape = _ESCAPE.match(self.text, self.at)
        if escape is None:
            raise self._error()
        self.at = escape.end()
        number = escape.group(1) or escape.group(2)
        if number:
            return chr(int(number, 16))
        return _ESCAPED.get(escape.group(3), escape.group(3))

    def _closes(self) -> bool:
        return not self.is_lenient or bool(_AFTER_STRING.match(self.text, self.at + 1))

    def _next(self) -> str:
        space = _SPACE.match(self.text, self.at)
        assert space is not None
        self.at = space.end()
        if self.at == len(self.text):
            self.has_begun = True
            raise self._error()
        return self.text[self.at]

    def _take(self, letter: str) -> bool:
        is_here = self._next() == letter
        self.at += is_here
        return is_here

    def _expect(self, letter: str) -> None:
        if not self._take(letter):
            raise self._error()

    def _error(self) -> _NotReadableError:
        return _NotReadableError(self.has_begun)


def _joined(parts: list[str]) -> str:
    """Return a string of its parts, halves of surrogate pairs put together where they meet."""
    text = "".join(parts)
    if text.isascii():
        return text
    return clean_text(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
