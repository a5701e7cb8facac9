"""Tree edit distance based similarity of tables."""

from collections.abc import Sequence
from typing import Any, Literal

from vary.errors import InputError
from vary.eval.metrics.table_trees import TableNode, html_node, parse_html_table, table_tree
from vary.extras import require

TedsRule = Literal["plain", "pubtabnet"]
TEDS_RULES: tuple[TedsRule, ...] = ("plain", "pubtabnet")

# Products of the numbers of nodes: up to here the exact distance takes seconds at most ...
_MOST_EXACT = 100_000
# ... and up to here the row by row one does; a page holds no larger table.
_MOST_NODES = 2_500


def teds(
    prediction: str, truth: str, *, structure_only: bool = False, rule: TedsRule = "plain"
) -> float:
    """Return how alike two tables are: 1 less their tree edit distance over the larger tree.

    The first table of each text counts, in HTML, as a pipe table or as a LaTeX tabular.
    Inserting and deleting a node costs 1; so does changing one of another tag or other spans;
    changing a cell's content costs the normalised edit distance of the two contents.

    Args:
        prediction: the answer.
        truth: what stands there.
        structure_only: leave the contents out: TEDS-Struct.
        rule: ``plain`` compares what is written in any of the three: rows right below the table,
            head cells as cells, contents as texts without markup, runs of white space as one.
            ``pubtabnet`` does what PubTabNet's script does, for HTML on both sides: sections are
            nodes, only ``td`` is a cell, tags in a cell count in its content and once more in the
            number that divides (which raises the value), white space counts as it stands. The
            script goes below 0 for trees that have little in common; here 0 is the least.

    Returns: 0 to 1, higher is better. A text without a table gives 0; under ``plain`` two give 1.
        Trees of which one times the other is more than 100,000 nodes are compared row by row:
        rows are then matched whole, which can only make the value smaller. An answer of more
        than 2,500 nodes that is larger than the truth gives 0: a runaway.

    Raises:
        InputError: the truth has more than 2,500 nodes.
        MissingExtraError: apted, lxml or rapidfuzz is not installed.

    Source: Zhong et al. 2020 (PubTabNet), 5.
    """
    if rule == "pubtabnet":
        (read, num_read), (right, num_right) = (
            _published_tree(text, structure_only) for text in (prediction, truth)
        )
        if read is None or right is None:
            return 0.0
    else:
        read, right = table_tree(prediction), table_tree(truth)
        if read is None or right is None:
            return float(read is right)
        # The table itself is always there and never counts, as in PubTabNet.
        num_read, num_right = read.size() - 1, right.size() - 1
    if num_right > _MOST_NODES:
        raise InputError(
            f"a table of {num_right} nodes: too large to compare; cut it into parts of at most "
            f"{_MOST_NODES}"
        )
    if num_read > _MOST_NODES:
        return 0.0
    larger = max(num_read, num_right)
    return max(0.0, 1 - tree_distance(read, right, structure_only) / larger) if larger else 1.0


def tree_distance(left: TableNode, right: TableNode, structure_only: bool = False) -> float:
    """Return the edit distance of two trees: exact, or row by row where they are large.

    Raises:
        MissingExtraError: apted or rapidfuzz is not installed.
    """
    costs = _Costs(structure_only)
    if left.size() * right.size() > _MOST_EXACT:
        return _nested_distance(left, right, costs)
    apted = require("apted", extra="eval")
    return float(apted.APTED(left, right, costs).compute_edit_distance())


class _Costs:
    """What changing a table costs; the interface is apted's."""

    valuecls = float

    def __init__(self, structure_only: bool) -> None:
        self.structure_only = structure_only
        self._distance = require("rapidfuzz.distance.Levenshtein", extra="eval")

    def delete(self, _: TableNode) -> int:
        """Return the cost of taking one node out."""
        return 1

    def insert(self, _: TableNode) -> int:
        """Return the cost of putting one node in."""
        return 1

    def children(self, node: TableNode) -> Sequence[TableNode]:
        """Return the nodes below one."""
        return node.children

    def rename(self, left: TableNode, right: TableNode) -> float:
        """Return the cost of making one node, without those below it, the other."""
        if (left.tag, left.colspan, left.rowspan) != (right.tag, right.colspan, right.rowspan):
            return 1.0
        if self.structure_only or left.content == right.content:
            return 0.0
        return float(self._distance.normalized_distance(left.content, right.content))


def _nested_distance(left: TableNode, right: TableNode, costs: _Costs) -> float:
    """Return the distance where a node is only ever matched with one of the same depth.

    Never less than the exact one, whose matches are free to cross levels.
    """
    sizes = [child.size() for child in right.children]
    above = [0.0]
    for size in sizes:
        above.append(above[-1] + size)
    for child in left.children:
        own = child.size()
        row = [above[0] + own]
        for index, other in enumerate(right.children):
            row.append(
                min(
                    above[index] + _pair_distance(child, other, costs),
                    above[index + 1] + own,
                    row[index] + sizes[index],
                )
            )
        above = row
    return above[-1] + costs.rename(left, right)


def _pair_distance(left: TableNode, right: TableNode, costs: _Costs) -> float:
    if left is right or left == right:
        return 0.0
    if not left.children and not right.children:
        return costs.rename(left, right)
    return _nested_distance(left, right, costs)


def _published_tree(text: str, structure_only: bool) -> tuple[TableNode | None, int]:
    """Return the tree of PubTabNet's script, and the number of elements that it divides by."""
    table: Any = parse_html_table(text)
    if table is None:
        return None, 0
    return html_node(table, structure_only), len(table.xpath(".//*"))
