"""Where a language model starts: with what a bigram model knows, as far as its tables' rank holds it.

Token rows are the left side of a truncated singular value decomposition of log p(next | token) / p(next), weighted by how often both occur, and are
spread over the hidden neurons by a random projection. The head is the ridge regression of that table on the spikes which each token then drives,
as if all layers passed them on. (Word vectors as a factored table of pointwise mutual information: Levy and Goldberg 2014.)
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tritspike.models.nets.current import Current
from tritspike.models.nets.language import Head
from tritspike.models.spiking import lif

_PRIOR = 3.0  # pseudo-counts of what follows a token, drawn as tokens occur anywhere
_RIDGE = 0.03  # of each count's variance: layers and their training do not pass spikes on as they are
_OVERSAMPLED, _POWER = 16, 2


@torch.no_grad()
def start_bigrams(current: Current, ids: NDArray[np.integer]) -> None:
    """The token table and a random projection. ids: all tokens in order."""
    rank, vocabulary = current.token.shape[1], len(current.token)
    share, table = surprises(ids, vocabulary)
    root = share.sqrt()
    u, _, _ = torch.svd_lowrank(root[:, None] * table * root[None], rank + _OVERSAMPLED, _POWER)
    current.token.copy_(u[:, :rank] / root[:, None])
    current.projection.copy_(nn.functional.normalize(torch.randn(len(current.projection), rank), dim=1))


@torch.no_grad()
def start_head(current: Current, head: Head, ids: NDArray[np.integer], kind: str, steps: int, keep: int) -> None:
    """The head and its bias, as `Start.head` says: how often each token occurs, and what a bigram model says of each token's spikes.

    steps, keep: of the neurons that currents drive.
    """
    share, table = surprises(ids, len(current.token))
    head.bias.copy_(share.log())
    if kind != "bigrams":
        head.weight.mul_(0.1)
        return
    driven = _standard(current.token @ current.projection.T, share)
    counts = _standard(lif(driven.expand(steps, *driven.shape).contiguous(), keep, None).float().sum(0), share)
    weighed = counts.T * share
    head.weight.copy_(torch.linalg.solve(weighed @ counts + _RIDGE * torch.eye(counts.shape[1]), weighed @ table).T)


def surprises(ids: NDArray[np.integer], vocabulary: int) -> tuple[Tensor, Tensor]:
    """(each token's share, (vocabulary, vocabulary) log p(next | token) / p(next))."""
    pairs = np.ones(len(ids) - 1, np.float32)
    counts = sp.coo_matrix((pairs, (ids[:-1], ids[1:])), shape=(vocabulary, vocabulary)).tocsr()
    share = (np.bincount(ids, minlength=vocabulary) + 0.5).astype(np.float64)
    share /= share.sum()
    before = np.asarray(counts.sum(1)).ravel() + _PRIOR
    found = np.log((counts.toarray() + _PRIOR * share[None]) / before[:, None] / share[None])
    return torch.from_numpy(share).float(), torch.from_numpy(found).float()


def _standard(values: Tensor, share: Tensor) -> Tensor:
    """Each column of mean 0 and variance 1 over tokens as they occur."""
    mean = share @ values
    return (values - mean) / (share @ (values - mean).square() + 1e-5).sqrt()
