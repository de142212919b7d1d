"""Describe an ablation in one TOML file: a base config, groups of rows, and what each row changes."""

from __future__ import annotations

import copy
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from docdex.errors import TrainingError
from docdex.training.config import Count, Positive, Share, TrainConfig, check_config, flatten, read_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Seed = Annotated[int, Meta(ge=0)]
Words = Annotated[str, Meta(pattern=r"^[^|\n]+$")]
"""What stands in a cell of a table."""
Changes = dict[str, Any]
"""Tables and keys of a run's config that are other than in the base. A key of `data.sources` is meant for
each of them."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variant. name: within its group.

    changes: to the base; a row without any is the base itself, whatever its group calls it. published: TPR at
    a per-pair FPR of 1e-4 of the published system with this choice, 0 to 1. published_first: that of the
    publication's row which this one is to be compared with, where that is not the group's first.
    """

    name: Words
    changes: Changes = {}
    published: Share | None = None
    published_first: Share | None = None


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that answer one question: the first is what the others are compared with.

    name: a word or two. note: what a reader must know, in Markdown. seeds: instead of the plan's.
    """

    name: Words
    question: str
    rows: Annotated[tuple[Row, ...], Meta(min_length=2)]
    note: str = ""
    seeds: Annotated[tuple[Seed, ...], Meta(min_length=1)] | None = None


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ablation. base: path of a run's config, from the plan's own folder.

    minutes, steps: budget of each run, one of them. seeds: each row is trained once with each. every: changes
    to the base that all rows have.
    """

    base: str
    groups: Annotated[tuple[Group, ...], Meta(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Meta(min_length=1)] = (1,)
    minutes: Positive | None = None
    steps: Count | None = None
    every: Changes = {}


class Variant(msgspec.Struct, frozen=True):
    """One run to be made: a row's changes and a seed, with the whole config. row: for the user."""

    row: str
    changes: Changes
    seed: int
    config: TrainConfig


class Ablation(msgspec.Struct, frozen=True):
    """A plan with its base read and its rows checked. base: the config that rows change."""

    base: TrainConfig
    groups: tuple[Group, ...]
    variants: tuple[Variant, ...]


def read_ablation(path: Path) -> Ablation:
    """Read a plan and its base, and make every row's config.

    Variants go seed by seed and within it row by row, so that whatever else the machine does meets all rows
    alike, and an ablation that is stopped has something of each. A row that stands in several groups is one
    variant.

    Raises TrainingError for a plan or base that cannot be read, and for a row whose config is refused, with
    the row's name.
    """
    plan = _read(path)
    base = read_config(path.parent / plan.base)
    budget = {"optim": {"minutes": plan.minutes, "steps": plan.steps}}
    base = changed(changed(base, plan.every, f"{path}: every"), budget, str(path))
    variants: dict[tuple[int, str], Variant] = {}
    rows = [(group, row) for group in plan.groups for row in group.rows]
    by_row = [list(_variants(path, base, group, row, plan.seeds)) for group, row in rows]
    for of_one_turn in zip_longest(*by_row):
        for variant in of_one_turn:
            if variant is not None:
                variants.setdefault((variant.seed, identify(variant.changes)), variant)
    return Ablation(base, plan.groups, tuple(variants.values()))


def _read(path: Path) -> Plan:
    try:
        plan = msgspec.toml.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise TrainingError(f"{path}: no plan that can be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: {error}") from error
    if (plan.minutes is None) == (plan.steps is None):
        raise TrainingError(f"{path}: give either minutes or steps, for each run.")
    names = [f"{group.name}: {row.name}" for group in plan.groups for row in group.rows]
    if len(set(names)) < len(names):
        twice = sorted(name for name in set(names) if names.count(name) > 1)
        raise TrainingError(f"{path}: rows of the same name: {', '.join(twice)}.")
    return plan


def _variants(
    path: Path, base: TrainConfig, group: Group, row: Row, seeds: tuple[int, ...]
) -> Iterator[Variant]:
    name = f"{group.name}: {row.name}"
    config = changed(base, row.changes, f"{path}: {name}")
    for seed in group.seeds or seeds:
        seeded = msgspec.structs.replace(config, name=f"{base.name}, {name}, seed {seed}", seed=seed)
        yield Variant(name, row.changes, seed, seeded)


def identify(changes: Changes) -> str:
    """The same text for the same changes, in whatever order they are written."""
    return msgspec.json.encode(changes, order="sorted").decode()


def describe(changes: Changes) -> str:
    """Changes for a person: `loss.kind = softmax, loss.scale = 16`."""
    return ", ".join(f"{key} = {value}" for key, value in flatten(changes))


def changed(base: TrainConfig, changes: Changes, name: str) -> TrainConfig:
    """A config with these changes. Raises TrainingError, with `name` in it, for one that is refused."""
    values = msgspec.to_builtins(base)
    _merge(values, changes)
    try:
        config = msgspec.convert(values, TrainConfig)
    except msgspec.ValidationError as error:
        raise TrainingError(f"{name}: {error}") from error
    check_config(config, name)
    return config


def _merge(tree: dict[str, Any], changes: Changes) -> None:
    for key, value in changes.items():
        under = tree.get(key)
        if not isinstance(value, dict):
            tree[key] = copy.deepcopy(value)
        elif isinstance(under, (list, tuple)):
            for item in under:
                _merge(item, value)
        else:
            tree[key] = under if isinstance(under, dict) else {}
            _merge(tree[key], value)
