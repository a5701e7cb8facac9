"""Which layout weights are in, where each tensor of ours stands in them, and whether all fit."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from torch import nn

from vary.errors import InputError, VaryError
from vary.model.layouts.renaming import Place
from vary.model.layouts.tables import EMBEDDINGS, LAYOUTS, TOY_WIDTH, Layout, find_layout

Shapes = Mapping[str, tuple[int, ...]]

_SHOWN = 6  # names in one list of a message
# CLIP stands one module deeper in older transformers.
_DEEPER = re.compile(r"^(vocabularies\.\d+\.network\.)vision_model\.")


@dataclass
class Plan:
    """Where the tensors of ours stand in weights of theirs.

    Args:
        layout: of the weights.
        prefix: what stands before all names of the table.
        places: by our name.
        unused: names in the file that our model has no use for.
        left: names in the file without a place here.
        notes: what the user should know.
    """

    layout: Layout
    prefix: str
    places: dict[str, Place] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def shapes(self, stored: Shapes) -> dict[str, tuple[int, ...]]:
        """Return the shapes of our tensors."""
        return {name: place.shape(stored[place.name]) for name, place in self.places.items()}


def make_plan(stored: Shapes, layout_name: str | None = None, prefix: str | None = None) -> Plan:
    """Return where everything stands; nothing is checked against a model yet.

    Args:
        stored: shapes by the names in the files.
        layout_name: None to find it by names that no other layout has.
        prefix: None to find it in the same way.

    Raises:
        VaryError: no layout, or several that fit.
    """
    layout, found, others = _detect(stored, layout_name, prefix)
    plan = Plan(layout, found)
    if layout.name == "vary-toy" and layout_name is None:
        plan = _toy_or_base(plan, stored)
    ignored = [name for name in stored if _is_of_others(name, found, others)]
    if ignored:
        told = f"{len(ignored)} tensors of another model are left alone: {shorten(ignored)}"
        plan.notes.append(told)
    # What may stand beside an encoder stands beside its prefix.
    outer = found.removesuffix(plan.layout.root) if plan.layout.root else found
    for name in sorted(stored.keys() - set(ignored)):
        if plan.layout.is_unused(name.removeprefix(outer)):
            plan.unused.append(name)
            continue
        ours = plan.layout.renaming.to_ours(name.removeprefix(found))
        if ours is None or not name.startswith(found):
            plan.left.append(name)
            continue
        for part, own in enumerate(ours):
            if own in plan.places:
                raise InputError(f"{plan.places[own].name} and {name} are one and the same tensor")
            plan.places[own] = Place(name, part, len(ours))
    return plan


def _is_of_others(name: str, prefix: str, others: list[str]) -> bool:
    """Return whether a name stands behind a prefix that the user did not choose."""
    is_longer = any(name.startswith(other) for other in others if other.startswith(prefix))
    is_beside = bool(others) and not name.startswith(prefix)
    return is_longer or is_beside


def _detect(
    stored: Shapes, layout_name: str | None, prefix: str | None
) -> tuple[Layout, str, list[str]]:
    """Return a layout, what stands before its names, and other prefixes behind which it stands."""
    wanted = LAYOUTS if layout_name is None else (find_layout(layout_name),)
    for layout in wanted:
        prefixes = sorted(
            {name.removesuffix(layout.marker) for name in stored if _ends(name, layout)}
        )
        if prefix is not None and prefix in prefixes:
            return layout, prefix, [other for other in prefixes if other != prefix]
        if prefix is None and len(prefixes) > 1:
            told = ", ".join(repr(found) for found in prefixes)
            raise VaryError(
                f"{layout.marker} stands at {len(prefixes)} places in these weights, behind "
                f"{told}: say which is meant with --prefix"
            )
        if prefix is None and prefixes:
            return layout, prefixes[0], []
    looked_for = ", ".join(f"{layout.marker} ({layout.name})" for layout in wanted)
    behind = "" if prefix is None else f" behind the prefix {prefix!r}"
    raise VaryError(
        f"the weights are in no layout that is known{behind}: of {looked_for} they hold none; "
        f"they hold {len(stored)} tensors, such as {', '.join(list(stored)[:3]) or 'none'}"
    )


def _ends(name: str, layout: Layout) -> bool:
    return name == layout.marker or name.endswith("." + layout.marker)


def _toy_or_base(plan: Plan, stored: Shapes) -> Plan:
    """Return the plan of Vary-base where the model is wider than Vary-toy's."""
    width = stored.get(f"{plan.prefix}transformer.wte.weight", (0, 0))[-1]
    name = "vary-toy" if width <= TOY_WIDTH else "vary-base"
    other = "vary-base" if name == "vary-toy" else "vary-toy"
    note = (
        f"taken for {name} by its width of {width}: {other} has the same names and other mean, "
        f"std and prompt (--layout {other})"
    )
    return replace(plan, layout=find_layout(name), notes=[note])


def check_fit(
    plan: Plan, stored: Shapes, wanted: Shapes, may_miss: Iterable[str] = ()
) -> list[str]:
    """Return which tensors of ours the weights do not have, of those that may be missing.

    Args:
        plan: from `make_plan`.
        stored: shapes by the names in the files.
        wanted: shapes of the model that they go into, by our names.
        may_miss: our names that need not be there.

    Raises:
        InputError: tensors that are missing, left over or of another shape; all kinds are told.
    """
    allowed = {*may_miss, *(name for name in wanted if plan.layout.is_ours_alone(name))}
    missing = sorted(wanted.keys() - plan.places.keys())
    left = [*plan.left, *(p.name for name, p in plan.places.items() if name not in wanted)]
    shapes = [
        f"{place.name} is {tuple(stored[place.name])}" + _wanted(place, wanted[name])
        for name, place in plan.places.items()
        if name in wanted and _whole(place, wanted[name]) != tuple(stored[place.name])
    ]
    lists = {
        "missing": [_their_name(plan, name) for name in missing if name not in allowed],
        "left over": left,
        "of another shape": shapes,
    }
    told = [f"{len(names)} {what}: {shorten(names)}" for what, names in lists.items() if names]
    if told:
        raise InputError(
            f"the weights do not fit layout {plan.layout.name}: {'; '.join(told)}. They are not "
            "whole, or of another release: get them anew, or name another --layout"
        )
    return [name for name in missing if name in allowed]


def _whole(place: Place, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of their tensor, of which ours is a part."""
    return shape if place.parts == 1 else (shape[0] * place.parts, *shape[1:])


def _wanted(place: Place, shape: tuple[int, ...]) -> str:
    return f", not {_whole(place, shape)}"


def _their_name(plan: Plan, name: str) -> str:
    place = plan.layout.renaming.to_theirs(name)
    return name if place is None else plan.prefix + place.name


def shorten(names: list[str]) -> str:
    """Return the first names of a list, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def own_names(model: nn.Module) -> dict[str, str]:
    """Return the names of a model's tensors by those that the tables have for them."""
    return {_DEEPER.sub(r"\1", name): name for name in model.state_dict()}


def table_name(name: str) -> str:
    """Return what the tables call a tensor of our model or of its files."""
    return _DEEPER.sub(r"\1", name)


def embeddings_name(layout: Layout) -> str:
    """Return our name of the embeddings, which a tied head shares."""
    assert layout.language_model is not None
    return EMBEDDINGS[layout.language_model]
