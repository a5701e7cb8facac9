"""TeX's tokens from a source, and its macros written out, both with a limit on their number."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vary.data.engines.latex.names import PROTECTED, VERBATIMS

# Begins the token of verbatim text; the lexer lets no source hold it.
VERB = "\0"
PAR = "\\par"
# What one piece may grow to, and how often a macro may be written out in it.
MAX_TOKENS = 60_000
MAX_EXPANSIONS = 1_500
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\\[A-Za-z@]+")
_COMMENT = re.compile(r"%[^\n]*\n?[ \t]*")
_VERB = re.compile(r"\\(?:verb|lstinline)\*?([^A-Za-z\s*@\[{])([^\n]*?)\1")
_ADDRESS = re.compile(r"\\(?:url|path|nolinkurl|lstinline)\s*\{([^{}\n]*)\}")
_LINK = re.compile(r"\\href\s*\{[^{}\n]*\}")
# What TeX has no other use for than to print it: taken together, it is read much faster.
_PLAIN = re.compile(r"[A-Za-z0-9]+|[\u4e00-\u9fff]+")
_VERBATIM = re.compile(r"\\begin\s*\{(" + "|".join(map(re.escape, sorted(VERBATIMS))) + r")\}")


class UnusableError(Exception):
    """A piece of a source that cannot be set by itself; the text says why, without details."""


@dataclass(frozen=True)
class Macro:
    """What a name stands for.

    Attributes:
        num_args: arguments, 0 to 9.
        default: of the first argument, which is then optional; None: it is not.
        body: tokens, with ``#1`` ... ``#9`` for the arguments.
    """

    num_args: int
    default: tuple[str, ...] | None
    body: tuple[str, ...]


def read_tokens(text: str) -> list[str]:
    r"""Return the tokens of a source.

    A control sequence is a token with its backslash (`\frac`, `\%`), an empty line is `\par`, runs
    of white space are one space, comments and verbatim environments are gone, the text of `\verb`
    and of web addresses is one token that begins with `VERB`. Letters and digits that follow one
    another are one token, Chinese characters too; all else are single characters.
    """
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    tokens: list[str] = []
    place, size = 0, len(text)
    after_comment = False
    while place < size:
        character = text[place]
        if character.isspace():
            space = _SPACE.match(text, place)
            assert space
            lines = space.group().count("\n") + after_comment
            _append_space(tokens, lines > 1)
            place, after_comment = space.end(), False
            continue
        after_comment = False
        if character == "%":
            comment = _COMMENT.match(text, place)
            assert comment
            place, after_comment = comment.end(), True
        elif character == "\\":
            place = _read_command(text, place, tokens)
        else:
            plain = _PLAIN.match(text, place)
            tokens.append(plain.group() if plain else character)
            place += len(tokens[-1])
    return tokens


def _append_space(tokens: list[str], is_paragraph: bool) -> None:
    """Add a space or the end of a paragraph; a space after a control word or a space is none."""
    if is_paragraph:
        if tokens and tokens[-1] == " ":
            tokens.pop()
        if not tokens or tokens[-1] != PAR:
            tokens.append(PAR)
    elif tokens and tokens[-1] != " " and not is_word(tokens[-1]):
        tokens.append(" ")


def _read_command(text: str, place: int, tokens: list[str]) -> int:
    """Add the token at a backslash and return where the next begins."""
    verb = _VERB.match(text, place) or _ADDRESS.match(text, place)
    if verb:
        tokens.append(VERB + verb.group(verb.lastindex or 0))
        return verb.end()
    link = _LINK.match(text, place)
    if link:
        tokens += ["\\href", "{", "}"]
        return link.end()
    verbatim = _VERBATIM.match(text, place)
    if verbatim:
        closing = f"\\end{{{verbatim.group(1)}}}"
        end = text.find(closing, verbatim.end())
        tokens.append(PAR)
        return len(text) if end < 0 else end + len(closing)
    word = _WORD.match(text, place)
    if word:
        tokens.append(word.group())
        return word.end()
    tokens.append(text[place : place + 2])
    return place + 2


def is_word(token: str) -> bool:
    """Return whether a token is a control word, after which TeX takes no space."""
    return len(token) > 1 and token[0] == "\\" and (token[1].isalpha() or token[1] == "@")


class TokenReader:
    """Reads tokens with their arguments.

    Args:
        tokens: to read, in order.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._rest = list(reversed(tokens))

    def __bool__(self) -> bool:
        return bool(self._rest)

    def peek(self) -> str:
        """Return the next token, the empty string at the end."""
        return self._rest[-1] if self._rest else ""

    def next(self) -> str:
        """Take the next token, the empty string at the end."""
        return self._rest.pop() if self._rest else ""

    def put_back(self, tokens: Sequence[str]) -> None:
        """Let tokens come next.

        Raises:
            UnusableError: there are too many.
        """
        self._rest.extend(reversed(tokens))
        if len(self._rest) > MAX_TOKENS * 8:
            raise UnusableError("macros without end")

    def skip_spaces(self) -> None:
        """Take spaces."""
        while self.peek() == " ":
            self.next()

    def take(self, token: str) -> bool:
        """Take a token after spaces, if it is this one."""
        self.skip_spaces()
        if self.peek() == token:
            self.next()
            return True
        return False

    def argument(self) -> list[str]:
        """Take a token, or a group without its braces.

        Raises:
            UnusableError: nothing follows, or the group has no end.
        """
        self.skip_spaces()
        first = self.next()
        if first != "{":
            if first in {"", "}", PAR}:
                raise UnusableError("an argument is missing")
            if len(first) > 1 and first[0] not in {"\\", VERB}:
                self._rest.append(first[1:])
                first = first[0]
            return [first]
        return self.until("{", "}")

    def until(self, opening: str, closing: str) -> list[str]:
        """Take what comes before a closing token, which is taken too; both may be nested.

        Raises:
            UnusableError: there is none.
        """
        taken: list[str] = []
        depth = 1
        while self._rest:
            token = self._rest.pop()
            depth += (token == opening) - (token == closing)
            if depth == 0:
                return taken
            taken.append(token)
        raise UnusableError(f"no {closing} for a {opening}")

    def optional(self) -> list[str] | None:
        """Take an argument in square brackets, if there is one."""
        self.skip_spaces()
        if self.peek() != "[":
            return None
        self.next()
        taken: list[str] = []
        depth = 0
        while self._rest:
            token = self._rest.pop()
            depth += (token == "{") - (token == "}")
            if token == "]" and depth == 0:
                return taken
            taken.append(token)
        raise UnusableError("no ] for a [")

    def rest(self) -> list[str]:
        """Take all that is left."""
        taken = self._rest[::-1]
        self._rest = []
        return taken

    def skip(self, signature: str) -> None:
        """Take arguments: `m` for one in braces, `o` for one in brackets, `*` for a star."""
        for sign in signature:
            if sign == "*":
                self.take("*")
            elif sign == "o":
                self.optional()
            else:
                self.argument()

    def environment(self, name: str) -> list[str]:
        r"""Take an environment's tokens up to its `\end`, which is taken too.

        Raises:
            UnusableError: it has no end.
        """
        taken: list[str] = []
        depth = 1
        while self._rest:
            token = self._rest.pop()
            if token in {"\\begin", "\\end"}:
                inner = self.argument()
                if "".join(inner) == name:
                    depth += 1 if token == "\\begin" else -1
                    if depth == 0:
                        return taken
                taken += [token, "{", *inner, "}"]
            else:
                taken.append(token)
        raise UnusableError(f"no end of {name}")


def expand(tokens: Sequence[str], macros: Mapping[str, Macro]) -> list[str]:
    """Return tokens with macros written out, until none is left.

    Raises:
        UnusableError: macros without end, or one without its arguments.
    """
    if not any(token[0] == "\\" and token in macros for token in tokens):
        return list(tokens)
    reader = TokenReader(tokens)
    done: list[str] = []
    expansions = 0
    while reader:
        token = reader.next()
        macro = macros.get(token) if token[0] == "\\" else None
        if macro is None or token[1:] in PROTECTED:
            done.append(token)
            if len(done) > MAX_TOKENS:
                raise UnusableError("a piece too long")
            continue
        expansions += 1
        if expansions > MAX_EXPANSIONS:
            raise UnusableError("macros without end")
        reader.put_back(_written_out(macro, reader))
    return done


def _written_out(macro: Macro, reader: TokenReader) -> list[str]:
    if not macro.num_args:
        return list(macro.body)
    args: list[Sequence[str]] = []
    if macro.default is not None:
        given = reader.optional()
        args.append(macro.default if given is None else given)
    while len(args) < macro.num_args:
        args.append(reader.argument())
    written: list[str] = []
    for token in macro.body:
        if len(token) == 2 and token[0] == "#" and token[1].isdigit():
            number = int(token[1]) - 1
            if number >= len(args):
                raise UnusableError("a macro with a wrong argument")
            written += args[number]
            if len(written) > MAX_TOKENS:
                raise UnusableError("macros without end")
        else:
            written.append(token)
    return written


def body_of(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return a macro's body: `#` and a digit are one token, `##` is `#`."""
    body: list[str] = []
    reader = TokenReader(tokens)
    while reader:
        token = reader.next()
        if token == "#" and reader.peek():
            following = reader.next()
            body.append("#" if following == "#" else "#" + following[0])
            if len(following) > 1 and following[0].isdigit():
                body.append(following[1:])
        else:
            body.append(token)
    return tuple(body)
