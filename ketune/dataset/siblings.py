"""Samples of different splits that are near-duplicates: same image, prompt, code or source."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from ketune.dataset.fingerprints import code_keys, text_key
from ketune.dataset.overlap import Content, prompt_key

Relation = Literal["image", "prompt", "code", "source"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)


class SiblingKeys:
    """For each relation the keys met, and the number of the sample that has each."""

    def __init__(self) -> None:
        self.keys = {relation: array("Q") for relation in RELATIONS}
        self.samples = {relation: array("Q") for relation in RELATIONS}

    def add(self, sample: int, keys: Mapping[Relation, int]) -> None:
        """Record the keys of sample number `sample`."""
        for relation, key in keys.items():
            self.keys[relation].append(key)
            self.samples[relation].append(sample)


class Group(NamedTuple):
    """Samples of two or more splits under one key, by their numbers, ascending."""

    relation: Relation
    samples: tuple[int, ...]


def sibling_keys(content: Content, source: str) -> dict[Relation, int]:
    """A sample's key for each relation that it can be in.

    `prompt`: the same words asked about the same image, or about none. `code`: the same reference
    function up to names and layout. `source`: the same document.
    """
    keys: dict[Relation, int] = {"prompt": text_key(f"{content.image}:{prompt_key(content)}")}
    if content.image is not None:
        keys["image"] = text_key(content.image)
    if code := code_keys(content.program).get(content.entry_point):
        keys["code"] = code
    if source:
        keys["source"] = text_key(source)
    return keys


def groups_across(found: SiblingKeys, splits: Sequence[int]) -> Iterator[Group]:
    """Groups that span splits, `splits[n]` being the split of sample `n`.

    By relation, then by the group's first sample: the order does not depend on the keys.
    """
    for relation in RELATIONS:
        keys = np.array(found.keys[relation], dtype=np.uint64)
        samples = np.array(found.samples[relation], dtype=np.int64)
        order = np.lexsort((samples, keys))
        ends = np.flatnonzero(np.diff(keys[order])) + 1
        groups = (
            Group(relation, tuple(group.tolist()))
            for group in np.split(samples[order], ends)
            if len(group) > 1
        )
        yield from sorted(group for group in groups if len({splits[n] for n in group.samples}) > 1)


def first_splits(groups: Iterable[Group], splits: Sequence[int]) -> dict[int, int]:
    """For each sample whose family has a member in an earlier split: the family's first split.

    Siblings of siblings are one family, so moving or dropping leaves no pair across splits.
    """
    parent: dict[int, int] = {}

    def root(sample: int) -> int:
        while (above := parent.setdefault(sample, sample)) != sample:
            parent[sample] = parent[above]
            sample = above
        return sample

    for group in groups:
        for sample in group.samples[1:]:
            # The smaller number leads, and numbers ascend with the splits.
            one, other = sorted((root(group.samples[0]), root(sample)))
            parent[other] = one
    firsts = {sample: splits[root(sample)] for sample in parent}
    return {sample: first for sample, first in sorted(firsts.items()) if first < splits[sample]}
