"""Name the losses that the study compares: one word of a config is one exactly defined loss.

A loss that classifies owns a layer of classes, which learns with the network and is thrown away in the end.
A loss that compares the vectors of a batch with each other owns nothing, and learns only from batches in
which classes come twice. The first are those that docdex trains with (`docdex.training.margins`); the others
are those of pytorch-metric-learning, an optional package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast

import msgspec
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from msgspec import Meta
from torch import Tensor, nn

from docdex.errors import InvalidSetting, MissingExtra
from docdex.training.margins import ArcFace, CosFace, Softmax

if TYPE_CHECKING:
    from types import ModuleType

Positive = Annotated[float, Meta(gt=0)]
Mining = Literal["all", "random", "semi-hard", "batch-hard"]
Distance = Literal["cosine", "euclidean"]


class LinearLayer(nn.Module):
    """Cross-entropy behind a linear layer: plain classification. Here alone do the vectors' lengths count."""

    def __init__(self, classes: int, dimension: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dimension, classes)

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy, a scalar. vectors: (B, D). labels: (B,) int64 in 0..C-1."""
        return F.cross_entropy(self.linear(vectors.float()), labels)


class CentreLayer(nn.Module):
    """Cross-entropy of cosines to class centres (C, D), which start in random directions."""

    def __init__(self, classes: int, dimension: int, margin: Softmax) -> None:
        super().__init__()
        self.margin = margin
        self.centres = nn.Parameter(F.normalize(torch.randn(classes, dimension)))

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy, a scalar. vectors: (B, D), of any length. labels: (B,) int64 in 0..C-1."""
        cosines = F.normalize(vectors.float()) @ F.normalize(self.centres).T
        return F.cross_entropy(self.margin.logits(cosines, labels), labels)


class PairLoss(nn.Module):
    """A loss over pairs or triplets of a batch. No positive pair, or no negative one: 0, with gradient 0.

    loss, miner: of pytorch-metric-learning; without a miner all pairs or triplets count.
    """

    def __init__(self, loss: nn.Module, miner: nn.Module | None = None) -> None:
        super().__init__()
        self.loss, self.miner = loss, miner

    def forward(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """The loss, a scalar. vectors: (B, D), of any length. labels: (B,) int64."""
        vectors = vectors.float()
        # Judged here and not by each loss: some would push a batch of strangers apart, some give nan.
        same = labels[:, None] == labels
        if same.all() or same.sum() == len(labels):
            return (vectors * 0).sum()
        mined = None if self.miner is None else self.miner(vectors, labels)
        return cast("Tensor", self.loss(vectors, labels, mined))


class LossSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a loss can be chosen; `build` makes it."""

    def build(self, classes: int, dimension: int) -> nn.Module:
        """The loss, for vectors (B, D) of C classes."""
        raise NotImplementedError


class CrossEntropySettings(LossSettings, frozen=True):
    """Nothing to choose: the published study's classification."""

    def build(self, classes: int, dimension: int) -> nn.Module:
        """A linear layer with bias."""
        return LinearLayer(classes, dimension)


class NormalisedSoftmaxSettings(LossSettings, frozen=True):
    """Normalised softmax (arXiv 1811.12649, whose temperature of 0.05 is this scale of 20).

    scale: of the cosines. One default for all three losses with centres: they differ by the margin alone.
    It is enough to be as good as sure among thousands of classes (CosFace, arXiv 1801.09414, equation 6).
    """

    scale: Positive = 20.0

    def build(self, classes: int, dimension: int) -> nn.Module:
        """Centres without a margin."""
        return CentreLayer(classes, dimension, Softmax(self.scale))


class CosFaceSettings(NormalisedSoftmaxSettings, frozen=True):
    """CosFace (arXiv 1801.09414). margin: of the cosine, in the middle of what the paper found to work."""

    margin: Annotated[float, Meta(ge=0, lt=2)] = 0.35

    def build(self, classes: int, dimension: int) -> nn.Module:
        """Centres with a margin of the cosine."""
        return CentreLayer(classes, dimension, CosFace(self.scale, self.margin))


class ArcFaceSettings(NormalisedSoftmaxSettings, frozen=True):
    """ArcFace (arXiv 1801.07698). margin: of the angle, in radians; the paper's."""

    margin: Annotated[float, Meta(ge=0, lt=1.5)] = 0.5

    def build(self, classes: int, dimension: int) -> nn.Module:
        """Centres with a margin of the angle."""
        return CentreLayer(classes, dimension, ArcFace(self.scale, self.margin))


class TripletSettings(LossSettings, frozen=True):
    """Triplet loss with the published margin of 0.2; how its triplets were found was not published.

    margin: by how much a negative must be farther than a positive. distance: `cosine`, 1 - cos, or
    `euclidean`, between the directions, 0 to 2. Cosine is the default because everything is measured by
    cosine, and the margin is then of the same kind as CosFace's; FaceNet's squared distance is twice it.

    mining: which triplets of a batch count. `all`: every one, the default, because nothing is drawn or
    chosen: it is the loss as it is defined. `random`: one an anchor. `semi-hard` (FaceNet, arXiv
    1503.03832): those whose negative is farther than the positive, but within the margin. `batch-hard`
    (arXiv 1703.07737): each anchor's farthest positive with its nearest negative. The mean is over those
    that violate the margin: the many that do not would make the loss fade while there is more to learn.
    """

    margin: Positive = 0.2
    distance: Distance = "cosine"
    mining: Mining = "all"

    def build(self, classes: int, dimension: int) -> nn.Module:
        """The loss with its miner."""
        losses, miners, distances = (_metric_learning(part) for part in ("losses", "miners", "distances"))
        cosine = self.distance == "cosine"
        distance = distances.CosineSimilarity() if cosine else distances.LpDistance(normalize_embeddings=True)
        miner = None
        if self.mining == "semi-hard":
            miner = miners.TripletMarginMiner(self.margin, type_of_triplets="semihard", distance=distance)
        elif self.mining == "batch-hard":
            miner = miners.BatchHardMiner(distance=distance)
        per_anchor: int | str = 1 if self.mining == "random" else "all"
        return PairLoss(
            losses.TripletMarginLoss(self.margin, triplets_per_anchor=per_anchor, distance=distance), miner
        )


class SemiHardSettings(TripletSettings, frozen=True):
    """`triplet` with semi-hard negatives (arXiv 1503.03832)."""

    mining: Literal["semi-hard"] = "semi-hard"


class BatchHardSettings(TripletSettings, frozen=True):
    """`triplet` with each anchor's hardest positive and negative (arXiv 1703.07737)."""

    mining: Literal["batch-hard"] = "batch-hard"


class SupervisedContrastiveSettings(LossSettings, frozen=True):
    """Supervised contrastive loss (arXiv 2004.11362, equation 2).

    With two views a class it is SimCLR's NT-Xent (arXiv 2002.05709). temperature: the paper's.
    """

    temperature: Positive = 0.1

    def build(self, classes: int, dimension: int) -> nn.Module:
        """The loss over all pairs; anchors without a positive are left out of the mean."""
        return PairLoss(_metric_learning("losses").SupConLoss(self.temperature))


class MultiSimilaritySettings(LossSettings, frozen=True):
    """Multi-similarity loss with its mining of pairs (arXiv 1904.06627).

    positive_scale: alpha. negative_scale: beta. base: lambda, the cosine on which both turn. tolerance:
    epsilon of the mining: a pair counts unless it is easier than the hardest of the other kind by as much.
    """

    positive_scale: Positive = 2.0
    negative_scale: Positive = 50.0
    base: Annotated[float, Meta(ge=-1, le=1)] = 0.5
    tolerance: Annotated[float, Meta(ge=0)] = 0.1

    def build(self, classes: int, dimension: int) -> nn.Module:
        """The loss with its miner."""
        loss = _metric_learning("losses").MultiSimilarityLoss(
            self.positive_scale, self.negative_scale, self.base
        )
        return PairLoss(loss, _metric_learning("miners").MultiSimilarityMiner(self.tolerance))


_SETTINGS: dict[str, type[LossSettings]] = {
    "cross-entropy": CrossEntropySettings,
    "normalised-softmax": NormalisedSoftmaxSettings,
    "cosface": CosFaceSettings,
    "arcface": ArcFaceSettings,
    "triplet": TripletSettings,
    "triplet-semi-hard": SemiHardSettings,
    "triplet-batch-hard": BatchHardSettings,
    "supervised-contrastive": SupervisedContrastiveSettings,
    "multi-similarity": MultiSimilaritySettings,
}


def names() -> tuple[str, ...]:
    """The losses' names: those that classify, then those that compare."""
    return tuple(_SETTINGS)


def make_loss(name: str, classes: int, dimension: int, **settings: object) -> nn.Module:
    """A loss by its name: `loss(vectors (B, D), labels (B,) int64)` gives a float32 scalar.

    classes: C, of which labels are 0..C-1. dimension: D. settings: of the loss's `LossSettings`. What it owns
    is drawn from torch's generator, and learns with `loss.parameters()`. B is any number from 1 up.

    Raises InvalidSetting for a name that is none, and for a setting that the loss does not have or that is
    outside its range; MissingExtra where a loss needs pytorch-metric-learning and it is not there.
    """
    try:
        kind = _SETTINGS[name]
    except KeyError:
        raise InvalidSetting(f"There is no loss {name!r}: give one of {', '.join(names())}.") from None
    try:
        chosen = msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        fields = ", ".join(kind.__struct_fields__) or "none"
        raise InvalidSetting(f"loss {name}: {error} (its settings: {fields}).") from error
    return chosen.build(classes, dimension)


def _metric_learning(part: str) -> ModuleType:
    """A module of pytorch-metric-learning."""
    from importlib import import_module

    try:
        return import_module(f"pytorch_metric_learning.{part}")
    except ImportError as error:
        raise MissingExtra("Losses that compare pairs need an extra: pip install 'docdex[study]'.") from error
