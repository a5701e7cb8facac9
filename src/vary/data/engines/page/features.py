"""What pages may have beyond running text: tables, notes, wider heads, words of another script."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vary.errors import VaryError

TableMarkup = Literal["latex", "pipe"]
RuleStyle = Literal["grid", "lines", "booktabs", "none"]


@dataclass(frozen=True)
class PageFeatures:
    """What pages of the kind ``page`` may have; by default nothing, and nothing is drawn for it.

    Args:
        tables: chance that a table follows a paragraph.
        table_rules: allowed ways to rule tables: ``grid``, ``lines`` (horizontal ones),
            ``booktabs`` (above, below and under the header) or ``none``.
        footnotes: share of pages with footnotes.
        furniture: share of pages whose page numbers take further forms ("Page 3 of 40", "iv") and
            that have running feet.
        mixed: share of pages with words and paragraphs of `other_text` among their own.
        other_text: a folder like the page's `text`, in the other script.
        script: `meta` tells whether Chinese text is simplified or traditional.
        table_markup: how Markdown targets write tables: ``latex`` or ``pipe``.
        keep_furniture: Markdown targets keep running heads, feet and page numbers, as paragraphs.

    Raises:
        VaryError: a share that is none, or `mixed` without `other_text`.
    """

    tables: float = 0.0
    table_rules: tuple[RuleStyle, ...] = get_args(RuleStyle)
    footnotes: float = 0.0
    furniture: float = 0.0
    mixed: float = 0.0
    other_text: Path | None = None
    script: bool = False
    table_markup: TableMarkup = "latex"
    keep_furniture: bool = False

    def __post_init__(self) -> None:
        for name in ("tables", "footnotes", "furniture", "mixed"):
            if not 0 <= getattr(self, name) <= 1:
                raise VaryError(f"{name} {getattr(self, name)}: give a share between 0 and 1")
        if self.mixed and self.other_text is None:
            raise VaryError(
                f"mixed {self.mixed}: give other_text too, a folder of text in the other script"
            )
        wrong = [rules for rules in self.table_rules if rules not in get_args(RuleStyle)]
        if wrong or not self.table_rules:
            raise VaryError(
                f"table_rules {', '.join(wrong) or 'is empty'}: "
                f"allowed are {', '.join(get_args(RuleStyle))}"
            )
        if self.table_markup not in get_args(TableMarkup):
            raise VaryError(
                f"table_markup {self.table_markup}: allowed are {', '.join(get_args(TableMarkup))}"
            )


NO_FEATURES = PageFeatures()
