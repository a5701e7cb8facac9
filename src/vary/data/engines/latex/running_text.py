"""Running text, read into runs: characters as they are printed, and formulas."""

import re
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vary.data.engines.latex.formulas import read_formula, read_rows
from vary.data.engines.latex.names import (
    ACCENTS,
    DISPLAYS,
    KNOWN_ENVIRONMENTS,
    REFERENCES,
    STYLE_COMMANDS,
    STYLE_DECLARATIONS,
    TEXT_DROPPED,
    TEXT_SYMBOLS,
)
from vary.data.engines.latex.pieces import SEEN_GAP, Run, Style
from vary.data.engines.latex.tokens import PAR, VERB, TokenReader, UnusableError

_LIGATURES = (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”"), ("`", "‘"), ("'", "’"))
# XeTeX sets no space between two Chinese characters, or signs of their width, and the same gap
# between these and Latin whether there is a space in the source or not. Signs that are Chinese and
# Latin ones swallow a space behind them only.
_CHINESE = "\u4e00-\u9fff\u3000-\u301f\uff01-\uff60"
_BOTH = "“”‘’…—"
_UNSEEN_SPACE = re.compile(
    f"(?<=[{_CHINESE}]) +| +(?=[{_CHINESE}])|(?<=[{_BOTH}]) +(?=[{_BOTH}])|(?<=[“”‘…—]) +"
)
_FORMULA = "\0"
_STYLES: dict[str, Style] = {"bold": "bold", "italic": "italic", "code": "code"}


@dataclass(frozen=True)
class Script:
    """What may stand in texts of a language.

    Attributes:
        language: ``en`` or ``zh``.
    """

    language: str

    def allows(self, character: str) -> bool:
        """Return whether a character can be set in this language's fonts."""
        if character.isascii():
            return character.isprintable()
        if character in _LETTERS_AND_SIGNS:
            return True
        return self.language == "zh" and is_chinese(character)


def is_chinese(character: str) -> bool:
    """Return whether a character is Chinese, or of the same width."""
    return (
        "\u4e00" <= character <= "\u9fff"
        or "\u3000" <= character <= "\u301f"
        or "\uff01" <= character <= "\uff60"
    )


# Those that all faces have as one sign; of others some draw the accent elsewhere, or a black box.
_LETTERS_AND_SIGNS = frozenset(
    {chr(code) for code in range(0xA1, 0x100)}
    | set("ĂăĄąĆćČčĎďĐđĘęĚěĞğİıĹĺĽľŁłŃńŇňŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž")
    | set("–—‘’“”…•†‡™€")
)


def read_runs(tokens: Sequence[str], script: Script) -> tuple[Run, ...]:
    r"""Return the runs of a paragraph, a heading, an item or a cell.

    Commands that only place or number things are left out, references become numbers, footnotes
    and citations too (`[7]`), since nothing of the document around them is known.

    Args:
        tokens: macros written out.
        script: what may stand in it.

    Raises:
        UnusableError: it holds what the engine does not know.
    """
    reader = _RunReader(script)
    reader.read(tokens, "")
    runs = tidy(reader.runs)
    return without_unseen_spaces(runs) if script.language == "zh" else runs


def without_unseen_spaces(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return Chinese text without the spaces that make no difference to what XeTeX prints.

    Those at Chinese characters are none, also between them and Latin words or formulas: the gap
    there is XeTeX's own.
    """
    # One character for each formula, so that what stands around it is seen too.
    parts = [run.content if run.kind == "text" else _FORMULA for run in runs]
    whole = "".join(parts)
    unseen = {
        place
        for found in _UNSEEN_SPACE.finditer(whole)
        for place in range(found.start(), found.end())
    }
    kept, first = [], 0
    for run, part in zip(runs, parts, strict=True):
        if run.kind == "text":
            text = "".join(
                character
                for place, character in enumerate(part, start=first)
                if place not in unseen
            )
            run = Run("text", text, run.style)  # noqa: PLW2901 - the same run, without spaces
        if run.content:
            kept.append(run)
        first += len(part)
    return tuple(kept)


def tidy(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return runs without double spaces, spaces at the ends, and neighbours of one style."""
    kept: list[Run] = []
    for run in runs:
        if run.kind == "text" and kept and kept[-1].kind == "text" and kept[-1].style == run.style:
            kept[-1] = Run("text", kept[-1].content + run.content, run.style)
        elif run.content:
            kept.append(run)
    out: list[Run] = []
    after_space = True
    for run in kept:
        if run.kind != "text":
            out.append(run)
            after_space = run.kind == "display"
            continue
        text = " ".join(run.content.split(" "))
        while "  " in text:
            text = text.replace("  ", " ")
        text = text.lstrip(" ") if after_space else text
        if text:
            out.append(Run("text", text, run.style))
            after_space = text.endswith(" ")
    while out and out[-1].kind == "text" and not out[-1].content.strip():
        out.pop()
    if out and out[-1].kind == "text":
        out[-1] = Run("text", out[-1].content.rstrip(" "), out[-1].style)
    return tuple(out)


class _RunReader:
    """Reads text into runs."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.runs: list[Run] = []

    def read(self, tokens: Sequence[str], style: Style) -> None:
        """Add the runs of tokens, which begin in a style."""
        reader = TokenReader(tokens)
        styles: list[Style] = [style]
        while reader:
            token = reader.next()
            if token == "{":
                styles.append(styles[-1])
            elif token == "}":
                if len(styles) == 1:
                    raise UnusableError("a group that is not open")
                styles.pop()
            elif token[0] == "\\" and token[1:] in STYLE_DECLARATIONS:
                named = STYLE_DECLARATIONS[token[1:]]
                if named != "same":
                    styles[-1] = _STYLES.get(named, "")
            else:
                self._one(token, reader, styles[-1])
        if len(styles) != 1:
            raise UnusableError("a group without end")

    def _one(self, token: str, reader: TokenReader, style: Style) -> None:
        if token[0] == VERB:
            self._say(token[1:], "code")
        elif token == "$":
            self._dollars(reader)
        elif token in {"\\(", "\\["}:
            closing = "\\)" if token == "\\(" else "\\]"
            self._formula(reader.until("", closing), is_inline=token == "\\(")
        elif token[0] == "\\":
            self._command(token[1:], reader, style)
        elif token in {"#", "&", "^", "_"}:
            raise UnusableError("a sign of TeX in text")
        elif token == "~":
            self._say(" ", style)
        elif token == '"':
            self._say("”", style)
        elif token in "`'-" and style != "code":
            self._ligature(token, reader, style)
        else:
            self._say(unicodedata.normalize("NFC", token), style)

    def _say(self, text: str, style: Style) -> None:
        for character in text:
            if not self.script.allows(character):
                raise UnusableError("a character of another script")
        self.runs.append(Run("text", text, style))

    def _ligature(self, token: str, reader: TokenReader, style: Style) -> None:
        signs = token
        while reader.peek() == token and len(signs) < 3:
            signs += reader.next()
        for written, printed in _LIGATURES:
            signs = signs.replace(written, printed)
        self._say(signs, style)

    def _dollars(self, reader: TokenReader) -> None:
        if reader.peek() != "$":
            self._formula(reader.until("", "$"), is_inline=True)
            return
        reader.next()
        inner = reader.until("", "$")
        if reader.next() != "$":
            raise UnusableError("dollars that do not match")
        self._formula(inner, is_inline=False)

    def _formula(self, tokens: Sequence[str], *, is_inline: bool) -> None:
        if is_inline:
            self.runs.append(Run("inline", read_formula(tokens, self.script.allows)))
        else:
            self.runs.append(Run("display", read_rows(tokens, "", self.script.allows)))

    def _command(self, name: str, reader: TokenReader, style: Style) -> None:
        if name in TEXT_SYMBOLS:
            self._say(TEXT_SYMBOLS[name], style)
        elif name in TEXT_DROPPED:
            self._drop(name, reader, style)
        elif name in STYLE_COMMANDS:
            self._styled(name, reader, style)
        elif name in ACCENTS:
            self._accent(name, reader, style)
        elif name in REFERENCES:
            self._reference(name, reader)
        elif name in _SPECIAL:
            _SPECIAL[name](self, reader, style)
        elif name in DIGIT_SYMBOLS:
            self.runs.append(Run("inline", DIGIT_SYMBOLS[name]))
        else:
            raise UnusableError(f"unknown in text: \\{name}")

    def _drop(self, name: str, reader: TokenReader, style: Style) -> None:
        following = reader.peek()
        reader.skip(TEXT_DROPPED[name])
        if name == "xspace" and (following.isalnum() or following in {"$", "("}):
            self._say(" ", style)

    def _styled(self, name: str, reader: TokenReader, style: Style) -> None:
        named = STYLE_COMMANDS[name]
        if name in {"makebox", "framebox", "enquote"}:
            reader.optional()
            reader.optional()
        if name == "enquote":
            reader.take("*")
        argument = reader.argument()
        if named == "drop":
            return
        if named == "quote":
            self._say("“", style)
        if named == "command":
            self._say("\\", "code")
            named = "code"
        inner = _RunReader(self.script)
        inner.read(argument, _STYLES.get(named, style))
        change = {"upper": str.upper, "lower": str.lower}.get(named)
        for run in inner.runs:
            changed = change and run.kind == "text"
            self.runs.append(
                Run(run.kind, change(run.content), run.style) if change and changed else run
            )
        if named == "quote":
            self._say("”", style)
        if name in {"paragraph", "subparagraph"}:  # a heading within its paragraph
            self.runs.append(Run("text", SEEN_GAP if self.script.language == "zh" else " "))

    def _accent(self, name: str, reader: TokenReader, style: Style) -> None:
        letters = [token for token in reader.argument() if token != " "]
        base = "".join({"\\i": "i", "\\j": "j"}.get(token, token) for token in letters)
        composed = unicodedata.normalize("NFC", base + ACCENTS[name])
        if len(composed) != 1:
            raise UnusableError("an accent on a letter that has none")
        self._say(composed, style)

    def _reference(self, name: str, reader: TokenReader) -> None:
        """Say a number for a label: the same one wherever it is called."""
        reader.take("*")
        if name == "hyperref":
            reader.optional()
            self.read(reader.argument(), "")
            return
        given = reader.optional()
        given = reader.optional() or given
        if name == "olref":
            reader.optional()
        key = "".join(reader.argument())
        sign, number = REFERENCES[name], zlib.crc32(key.encode("utf-8", "replace"))
        if sign == "[":
            numbers = sorted({zlib.crc32(k.strip().encode()) % 60 + 1 for k in key.split(",")})
            self._say("[" + ", ".join(map(str, numbers)) + "]", "")
        elif sign == "(":
            self._say(f"({number % 40 + 1})", "")
        else:
            written = f"{number % 9 + 1}.{number // 9 % 12 + 1}"
            word = "" if self.script.language == "zh" or not sign else f"{sign} "
            self._say(word + written, "")

    def _environment(self, reader: TokenReader, style: Style) -> None:
        name = "".join(reader.argument())
        body = reader.environment(name)
        if name in DISPLAYS:
            if name == "math":
                self._formula(body, is_inline=True)
            else:
                rows = read_rows(body, DISPLAYS[name], self.script.allows)
                self.runs.append(Run("display", rows))
        elif name in KNOWN_ENVIRONMENTS:
            inner = TokenReader(body)
            inner.skip(KNOWN_ENVIRONMENTS[name])
            self.read(inner.rest(), style)
        else:
            raise UnusableError(f"unknown in text: {name}")

    def _link(self, reader: TokenReader, style: Style) -> None:
        reader.argument()
        self.read(reader.argument(), style)

    def _printed_form(self, reader: TokenReader, style: Style) -> None:
        self.read(reader.argument(), style)
        reader.argument()

    def _math(self, reader: TokenReader, style: Style) -> None:
        del style
        self._formula(reader.argument(), is_inline=True)

    def _line_break(self, reader: TokenReader, style: Style) -> None:
        reader.take("*")
        reader.optional()
        self._say(" ", style)

    def _script(self, sign: str, reader: TokenReader) -> None:
        inner = "".join(reader.argument())
        if not (inner.isascii() and inner.isalnum()):
            raise UnusableError("raised text")
        self.runs.append(Run("inline", f"{sign}{{\\text{{{inner}}}}}"))


# Commands of text that set a sign of formulas.
DIGIT_SYMBOLS = {
    "textrightarrow": "\\rightarrow", "textleftarrow": "\\leftarrow", "texttimes": "\\times",
    "textpm": "\\pm", "textdagger": "\\dagger",
}  # fmt: skip
_SPECIAL: dict[str, Callable[[_RunReader, TokenReader, Style], None]] = {
    "begin": _RunReader._environment,
    "ensuremath": _RunReader._math,
    "href": _RunReader._link,
    "textcolor": _RunReader._link,
    "colorbox": _RunReader._link,
    "texorpdfstring": _RunReader._printed_form,
    "\\": _RunReader._line_break,
    "newline": _RunReader._line_break,
    "textsuperscript": lambda runs, reader, _: runs._script("^", reader),
    "textsubscript": lambda runs, reader, _: runs._script("_", reader),
    PAR[1:]: lambda runs, _, style: runs._say(" ", style),
}
