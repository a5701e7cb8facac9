r"""One way to write each formula: what is drawn alike is written alike.

Sources write the same formula in many ways (`x^{'}_{i}`, `x_i^\prime`, `{x}_{i}'`), above all where
macros write it. Braces, empty scripts and the order of scripts say nothing that is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

from vary.data.engines.latex.names import name_set


@dataclass(frozen=True)
class _Group:
    r"""What stands in braces; `opening` is `{`, or a command with it, such as `\mathbf{`."""

    opening: str
    items: tuple["_Item", ...]


_Item: TypeAlias = "str | _Group"


def canonical(tokens: Sequence[str]) -> list[str]:
    r"""Return the tokens of a formula as all write it that draw the same.

    - Braces that nobody sees are left out: `{x=y}`, `x{}`, `\sin{x}`, `{\mathbf{x}}`. Those that
      make a sign a letter (`{=}`, `1{,}000`) or hold what changes all behind it (`\over`) stay.
    - Scripts: the lower one first (`x_i^2`, `x_i'`), in braces but for a single letter, digit or
      sign; empty ones are left out.
    - Arguments are in braces (`\frac{1}{2}`).
    - What only takes room is left out (`\phantom{x}`, `\mathopen{}`).
    - There is no `\\` behind the last row.

    Args:
        tokens: commands with an argument of their own are one token with its opening brace.
    """
    return _written(_sorted(_grouped(list(tokens))))


def _grouped(tokens: list[str]) -> list[_Item]:
    """Return tokens with groups as items."""
    stack: list[tuple[str, list[_Item]]] = [("", [])]
    for token in tokens:
        if token == "}" and len(stack) > 1:
            opening, items = stack.pop()
            stack[-1][1].append(_Group(opening, tuple(items)))
        elif token == "{" or (token[:1] == "\\" and token[1:-1].isalpha() and token[-1] == "{"):
            stack.append((token, []))
        else:
            # An argument without braces is one letter or digit of several.
            stack[-1][1].extend(token if token.isalnum() else [token] if token else [])
    return stack[0][1]


def _written(items: Sequence[_Item]) -> list[str]:
    """Return items as tokens."""
    tokens: list[str] = []
    for item in items:
        if isinstance(item, _Group):
            tokens += [item.opening, *_written(item.items), "}"]
        else:
            tokens.append(item)
    return tokens


def _sorted(items: Sequence[_Item]) -> list[_Item]:
    """Return items in their canonical form."""
    if len(items) == 1 and _is_plain(items[0]) and _may_be_opened(items[0]):
        return _sorted(items[0].items)
    out: list[_Item] = []
    place = 0
    while place < len(items):
        item = items[place]
        if item in _SCRIPTS:
            scripts, place = _scripts(items, place)
            out += scripts
        elif isinstance(item, str) and item[1:] in _ARGUMENTS:
            written, place = _with_arguments(items, place)
            if not written and _scripts(items, place)[0]:
                written = [_Group("{", ())]
            out += written
        else:
            place += 1
            if isinstance(item, _Group):
                out += _group(item, _scripts(items, place)[0])
            elif item != "\\\\" or not _ends_environment(items[place : place + 1]):
                out.append(item)
    return out


def _group(group: _Group, scripts: Sequence[_Item]) -> list[_Item]:
    """Return a group that is no argument, without its braces where nobody sees them."""
    if group.opening == "\\text{":
        return [group]
    inner = _sorted(group.items)
    whole = _Group(group.opening, tuple(inner))
    if not _is_plain(group):
        return [whole]
    if not inner:
        return [whole] if scripts else []
    if not (_may_be_opened(whole) and _is_letter(inner[0], "(") and _ends_openly(inner, scripts)):
        return [whole]
    return inner


def _ends_openly(inner: Sequence[_Item], scripts: Sequence[_Item]) -> bool:
    """Return whether what follows a group would stand as it does without its braces."""
    has_script = inner[-1] == "'" or (len(inner) > 1 and inner[-2] in _SCRIPTS)
    return not scripts if has_script else _is_letter(inner[-1], ")]")


def _scripts(items: Sequence[_Item], place: int) -> tuple[list[_Item], int]:
    """Return the scripts that begin at a place, in their order, and where they end."""
    found: dict[str, list[list[_Item]]] = {"_": [], "^": []}
    primes = 0
    while place < len(items) and items[place] in _SCRIPTS:
        mark, place = str(items[place]), place + 1
        if mark == "'":
            primes += 1
            continue
        argument: list[_Item] = list(items[place : place + 1])
        place += 1
        if argument and isinstance(argument[0], str) and argument[0][1:] in _ARGUMENTS:
            argument, place = _with_arguments(items, place - 1)
        inner = _sorted(argument)
        if mark == "^" and inner and set(inner) <= {"\\prime", "'"}:
            primes += len(inner)
        elif inner:
            found[mark].append(inner)
    out: list[_Item] = []
    for inner in found["_"]:
        out += ["_", _script(inner)]
    out += ["'"] * primes
    for inner in found["^"]:
        out += ["^", _script(inner)]
    return out, place


def _script(inner: list[_Item]) -> _Item:
    first = inner[0]
    is_sign = isinstance(first, str) and (len(first) == 1 or first[1:].isalpha())
    return first if len(inner) == 1 and is_sign else _Group("{", tuple(inner))


def _with_arguments(items: Sequence[_Item], place: int) -> tuple[list[_Item], int]:
    """Return a command and its arguments, and where they end; none if it has no say without."""
    name = str(items[place])[1:]
    out: list[_Item] = [items[place]]
    place += 1
    if name in _WITH_OPTION and items[place : place + 1] == ["["] and "]" in items[place:]:
        end = place + list(items[place:]).index("]") + 1
        out += ["[", *_sorted(items[place + 1 : end - 1]), "]"]
        place = end
    for item in items[place : place + _ARGUMENTS[name]]:
        place += 1
        if name in _OF_DELIMITERS:
            out.append(item)
            continue
        inner = _sorted(item.items if _is_plain(item) else [item])
        if name in _UNSEEN:
            return [], place
        if name in _CLASSES and not inner:
            # As in `\mathop{}\!\mathrm{d}x`, where the one takes back the other's space.
            return [], place + (items[place : place + 1] == ["\\!"])
        out.append(_Group("{", tuple(inner)))
    return out, place


def _ends_environment(items: Sequence[_Item]) -> bool:
    return bool(items) and isinstance(items[0], str) and items[0].startswith("\\end{")


def _is_plain(item: _Item) -> TypeGuard[_Group]:
    return isinstance(item, _Group) and item.opening == "{"


def _may_be_opened(group: _Group) -> bool:
    depth = 0
    for item in group.items:
        if isinstance(item, str):
            depth += item.startswith("\\begin{") - item.startswith("\\end{")
            if depth == 0 and item in _HELD:
                return False
    return True


def _is_letter(item: _Item, brackets: str) -> bool:
    """Return whether an item is as a letter to its neighbours, or one of some brackets."""
    if isinstance(item, _Group):
        return item.opening != "{"
    return (
        item.isalnum() or item in brackets or item[1:] in _LETTERS or item.startswith("\\mathrm{")
    )


_SCRIPTS = frozenset("_^'")
# Commands -> how many arguments. (Those that are tokens with their brace are groups.)
_ARGUMENTS = dict.fromkeys(
    name_set("frac dfrac tfrac cfrac binom dbinom tbinom overset underset stackrel"), 2
) | dict.fromkeys(
    name_set(
        """
        sqrt overbrace underbrace overleftrightarrow underleftarrow underrightarrow substack
        xrightarrow xleftarrow boxed operatorname operatorname* pmod mod pod phantom hphantom
        vphantom smash mathop mathrel mathbin mathord mathopen mathclose mathpunct mathinner big
        Big bigg Bigg bigl bigr bigm Bigl Bigr Bigm biggl biggr biggm Biggl Biggr Biggm
        left right middle
        """
    ),
    1,
)
_WITH_OPTION = name_set("sqrt xrightarrow xleftarrow smash cfrac")
_OF_DELIMITERS = name_set(
    """
    big Big bigg Bigg bigl bigr bigm Bigl Bigr Bigm biggl biggr biggm Biggl Biggr Biggm left right
    middle
    """
)
# What only tells TeX which spaces to set: nothing where nothing is in it.
_CLASSES = name_set("mathop mathrel mathbin mathord mathopen mathclose mathpunct mathinner")
_UNSEEN = name_set("phantom hphantom vphantom")
# What acts on all of its group.
_HELD = frozenset(
    (
        "&", "\\\\", "\\over", "\\atop", "\\choose", "\\displaystyle", "\\textstyle",
        "\\scriptstyle", "\\scriptscriptstyle", "\\middle", "\\limits", "\\nolimits",
    )
)  # fmt: skip
_LETTERS = name_set(
    """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi
    varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi
    Pi Sigma Upsilon Phi Psi Omega ell hbar imath jmath infty partial nabla emptyset varnothing
    aleph Re Im top bot
    """
)
