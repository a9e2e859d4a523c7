"""The rows of a batch under way: what a model holds of each, and the logits that each goes on from."""

from copy import copy
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Rows:
    """R rows of S slots under way: `mask` (R, S) is 1 where a token stands, `logits` (R, V) are for the next one."""

    cache: Any
    mask: torch.Tensor
    logits: torch.Tensor

    def select(self, rows: torch.Tensor) -> None:
        """Keeps only these `rows`, or repeats them, in the order given."""
        self.cache.batch_select_indices(rows)
        self.mask, self.logits = self.mask[rows], self.logits[rows]

    def part(self, rows: torch.Tensor) -> "Rows":
        """These rows apart, while all stay here."""
        cache = copy(self.cache)
        cache.layers = [copy(layer) for layer in self.cache.layers]
        apart = Rows(cache, self.mask, self.logits)
        apart.select(rows)
        return apart

    def join(self, others: "Rows") -> None:
        """Takes in the rows of another batch behind its own; those with fewer slots are filled up on the left.

        Only where all layers see everything: a nearsighted one has let go of slots.
        """
        n_slots = max(self.mask.shape[1], others.mask.shape[1])
        for mine, theirs in zip(self.cache.layers, others.cache.layers, strict=True):
            mine.keys = torch.cat([_widened(mine.keys, n_slots), _widened(theirs.keys, n_slots)])
            mine.values = torch.cat([_widened(mine.values, n_slots), _widened(theirs.values, n_slots)])
        masks = self.mask[:, None, :, None], others.mask[:, None, :, None]
        self.mask = torch.cat([_widened(mask, n_slots) for mask in masks])[:, 0, :, 0]
        self.logits = torch.cat([self.logits, others.logits])

    def trim(self) -> None:
        """Lets go of the slots on the left that no row fills; as `join`, where all layers see everything."""
        n_empty = int(self.mask.any(0).long().argmax())
        if n_empty:
            self.mask = self.mask[:, n_empty:]
            for layer in self.cache.layers:
                layer.keys, layer.values = layer.keys[:, :, n_empty:], layer.values[:, :, n_empty:]


def _widened(slots: torch.Tensor, n_slots: int) -> torch.Tensor:
    """Keys, values or a mask (R, H, S, D) with zeros on the left, up to `n_slots`."""
    return torch.nn.functional.pad(slots, (0, 0, n_slots - slots.shape[2], 0))
