from __future__ import annotations

import itertools
import math
import sys

import pytest

pytest.importorskip("torch", reason="needs the extra train")

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from docdex.errors import InvalidSetting, MissingExtra
from docdex.study.losses import make_loss, names

CLASSIFIERS = ("cross-entropy", "normalised-softmax", "cosface", "arcface")
PAIRWISE = (
    "triplet",
    "triplet-semi-hard",
    "triplet-batch-hard",
    "supervised-contrastive",
    "multi-similarity",
)
CLASSES, DIMENSION = 4, 6


@pytest.fixture
def pairs() -> None:
    pytest.importorskip("pytorch_metric_learning", reason="needs the extra study")


@pytest.fixture(params=CLASSIFIERS + PAIRWISE)
def name(request: pytest.FixtureRequest) -> str:
    if request.param in PAIRWISE:
        request.getfixturevalue("pairs")
    return str(request.param)


def batch(rows: int = 12, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors of several lengths, and labels of which each class has some."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(rows, DIMENSION, generator=generator) * torch.linspace(0.2, 3, rows)[:, None]
    return vectors, torch.arange(rows) % CLASSES


def loss_of(name: str, vectors: torch.Tensor, labels: torch.Tensor, **settings: object) -> float:
    torch.manual_seed(5)
    return float(make_loss(name, CLASSES, DIMENSION, **settings)(vectors, labels).detach())


def distances(vectors: torch.Tensor) -> list[list[float]]:
    """1 - cos of all pairs, in plain floating point."""
    rows = F.normalize(vectors.double()).tolist()
    return [[1 - sum(a * b for a, b in zip(one, other, strict=True)) for other in rows] for one in rows]


def triplets(labels: list[int]) -> list[tuple[int, int, int]]:
    places = range(len(labels))
    return [
        (a, p, n)
        for a in places
        for p in places
        for n in places
        if a != p and labels[a] == labels[p] != labels[n]
    ]


def mean_of_violated(violations: list[float]) -> float:
    violated = [violation for violation in violations if violation > 0]
    return sum(violated) / len(violated)


def test_every_name_makes_a_loss_and_is_tested_here() -> None:
    assert names() == CLASSIFIERS + PAIRWISE


def test_plain_classification_is_the_cross_entropy_of_a_linear_layer() -> None:
    vectors, labels = batch()
    torch.manual_seed(5)
    loss = make_loss("cross-entropy", CLASSES, DIMENSION)
    weight, bias = (parameter.detach().double() for parameter in loss.parameters())
    logits = (vectors.double() @ weight.T + bias).tolist()
    told = [
        math.log(sum(math.exp(each) for each in row)) - row[label]
        for row, label in zip(logits, labels.tolist(), strict=True)
    ]
    assert float(loss(vectors, labels).detach()) == pytest.approx(sum(told) / len(told), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("normalised-softmax", lambda cosine: cosine),
        ("cosface", lambda cosine: cosine - 0.35),
        ("arcface", lambda cosine: math.cos(math.acos(cosine) + 0.5)),
    ],
)
def test_a_loss_with_centres_is_the_cross_entropy_of_cosines_with_its_margin(name: str, own) -> None:  # type: ignore[no-untyped-def]
    vectors, labels = batch()
    torch.manual_seed(5)
    loss = make_loss(name, CLASSES, DIMENSION)
    (centres,) = loss.parameters()
    cosines = F.normalize(vectors.double()) @ F.normalize(centres.detach().double()).T
    told = []
    for row, label in zip(cosines.tolist(), labels.tolist(), strict=True):
        logits = [20 * (own(cosine) if at == label else cosine) for at, cosine in enumerate(row)]
        told.append(math.log(sum(math.exp(each) for each in logits)) - logits[label])
    assert float(loss(vectors, labels).detach()) == pytest.approx(sum(told) / len(told), rel=1e-5)


def test_without_a_margin_all_losses_with_centres_are_one() -> None:
    given = batch()
    plain = loss_of("normalised-softmax", *given)
    assert loss_of("cosface", *given, margin=0.0) == pytest.approx(plain, rel=1e-5)
    assert loss_of("arcface", *given, margin=0.0) == pytest.approx(plain, rel=1e-5)


@pytest.mark.usefixtures("pairs")
def test_the_triplet_loss_is_the_mean_over_all_triplets_that_violate_the_margin() -> None:
    vectors, labels = batch()
    far = distances(vectors)
    told = mean_of_violated([far[a][p] - far[a][n] + 0.2 for a, p, n in triplets(labels.tolist())])
    assert loss_of("triplet", vectors, labels) == pytest.approx(told, rel=1e-5)


@pytest.mark.usefixtures("pairs")
def test_by_the_euclidean_distance_it_is_the_same_mean_of_other_distances() -> None:
    vectors, labels = batch()
    far = [[math.sqrt(max(2 * each, 0)) for each in row] for row in distances(vectors)]
    told = mean_of_violated([far[a][p] - far[a][n] + 0.3 for a, p, n in triplets(labels.tolist())])
    assert loss_of("triplet", vectors, labels, margin=0.3, distance="euclidean") == pytest.approx(
        told, rel=1e-4
    )


@pytest.mark.usefixtures("pairs")
def test_semi_hard_negatives_are_farther_than_the_positive_and_within_the_margin() -> None:
    vectors, labels = batch()
    far = distances(vectors)
    chosen = [
        far[a][p] - far[a][n] + 0.2
        for a, p, n in triplets(labels.tolist())
        if far[a][p] < far[a][n] <= far[a][p] + 0.2
    ]
    assert loss_of("triplet-semi-hard", vectors, labels) == pytest.approx(mean_of_violated(chosen), rel=1e-5)
    assert loss_of("triplet", vectors, labels, mining="semi-hard") == loss_of(
        "triplet-semi-hard", vectors, labels
    )


@pytest.mark.usefixtures("pairs")
def test_batch_hard_takes_each_anchor_s_farthest_positive_and_nearest_negative() -> None:
    vectors, labels = batch()
    far, of = distances(vectors), labels.tolist()
    chosen = []
    for a in range(len(of)):
        positive = max(far[a][p] for p in range(len(of)) if p != a and of[p] == of[a])
        negative = min(far[a][n] for n in range(len(of)) if of[n] != of[a])
        chosen.append(positive - negative + 0.2)
    assert loss_of("triplet-batch-hard", vectors, labels) == pytest.approx(mean_of_violated(chosen), rel=1e-5)


@pytest.mark.usefixtures("pairs")
def test_random_mining_draws_one_triplet_an_anchor_by_torch_s_seed() -> None:
    vectors, _ = batch(4)
    labels, far = torch.tensor([0, 0, 1, 1]), distances(vectors)
    anchors = ((0, 1), (1, 0), (2, 3), (3, 2))  # each with the one positive it has
    possible = {
        round(sum(far[a][p] - far[a][n] + 2 for (a, p), n in zip(anchors, drawn, strict=True)) / 4, 4)
        for drawn in itertools.product((2, 3), (2, 3), (0, 1), (0, 1))
    }
    torch.manual_seed(1)
    loss = make_loss("triplet", 2, DIMENSION, mining="random", margin=2.0)
    seen = {round(loss(vectors, labels).item(), 4) for _ in range(60)}
    assert seen <= possible
    assert len(seen) > 1
    torch.manual_seed(2)
    first = loss(vectors, labels).item()
    torch.manual_seed(2)
    assert loss(vectors, labels).item() == first


@pytest.mark.usefixtures("pairs")
def test_the_supervised_contrastive_loss_is_that_of_the_paper() -> None:
    """Equation 2: the mean over positives of the log outside."""
    vectors, labels = batch(11)
    far, of = distances(vectors), labels.tolist()
    told = []
    for a in range(len(of)):
        scores = {b: math.exp((1 - far[a][b]) / 0.1) for b in range(len(of)) if b != a}
        positives = [b for b in scores if of[b] == of[a]]
        told.append(-sum(math.log(scores[p] / sum(scores.values())) for p in positives) / len(positives))
    assert loss_of("supervised-contrastive", vectors, labels) == pytest.approx(
        sum(told) / len(told), rel=1e-4
    )


@pytest.mark.usefixtures("pairs")
def test_with_two_views_a_class_it_is_simclr_s_loss() -> None:
    """NT-Xent (arXiv 2002.05709, equation 1): each view against all others, of which one is its own."""
    vectors, _ = batch(10)
    labels = torch.arange(5).repeat(2)
    scores = F.normalize(vectors) @ F.normalize(vectors).T / 0.5
    scores.fill_diagonal_(-torch.inf)
    told = F.cross_entropy(scores, (torch.arange(10) + 5) % 10)
    assert loss_of("supervised-contrastive", vectors, labels, temperature=0.5) == pytest.approx(
        float(told), rel=1e-5
    )


@pytest.mark.usefixtures("pairs")
def test_the_multi_similarity_loss_is_that_of_the_paper() -> None:
    """Equations 9 to 11: pairs are mined, then weighted by how hard they are."""
    vectors, labels = batch(12, seed=3)
    near, of = [[1 - each for each in row] for row in distances(vectors)], labels.tolist()
    told = []
    for a in range(len(of)):
        positives = [near[a][b] for b in range(len(of)) if b != a and of[b] == of[a]]
        negatives = [near[a][b] for b in range(len(of)) if of[b] != of[a]]
        hard_positives = [each for each in positives if each < max(negatives) + 0.1]
        hard_negatives = [each for each in negatives if each > min(positives) - 0.1]
        pull = math.log(1 + sum(math.exp(-2 * (each - 0.5)) for each in hard_positives)) / 2
        push = math.log(1 + sum(math.exp(50 * (each - 0.5)) for each in hard_negatives)) / 50
        told.append(pull + push)
    assert loss_of("multi-similarity", vectors, labels) == pytest.approx(sum(told) / len(told), rel=1e-5)


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize("name", PAIRWISE)
@pytest.mark.parametrize("labels", [[0], [0, 1], [0, 1, 2, 3], [2, 2, 2]], ids=str)
def test_a_batch_that_offers_nothing_to_compare_teaches_nothing(name: str, labels: list[int]) -> None:
    vectors = torch.randn(len(labels), DIMENSION, requires_grad=True)
    loss = make_loss(name, CLASSES, DIMENSION)(vectors, torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0.0
    assert vectors.grad is not None
    assert torch.equal(vectors.grad, torch.zeros_like(vectors))


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 64])
def test_any_batch_gives_a_finite_float32_with_finite_gradients(name: str, rows: int) -> None:
    vectors, labels = batch(rows)
    given = vectors.to(torch.bfloat16).requires_grad_(True)
    loss = make_loss(name, CLASSES, DIMENSION)
    reached = loss(given, labels)
    reached.backward()
    assert reached.dtype == torch.float32
    assert reached.shape == ()
    assert reached.isfinite()
    assert given.grad is not None
    assert given.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in loss.parameters())


def teach_equal_vectors(name: str, **settings: object) -> torch.Tensor:
    """Gradient (8, D) by vectors of which five are equal and three are zero."""
    given = torch.ones(8, DIMENSION)
    given[5:] = 0
    given.requires_grad_(True)
    make_loss(name, CLASSES, DIMENSION, **settings)(given, torch.arange(8) % CLASSES).backward()
    assert given.grad is not None
    return given.grad


def test_vectors_that_are_equal_or_zero_give_finite_gradients(name: str) -> None:
    """A text without a known word is a vector of zeros; a network that has collapsed gives equal ones."""
    assert teach_equal_vectors(name).isfinite().all()


@pytest.mark.usefixtures("pairs")
@pytest.mark.parametrize("name", [name for name in PAIRWISE if name.startswith("triplet")])
def test_so_they_do_by_the_euclidean_distance(name: str) -> None:
    assert teach_equal_vectors(name, distance="euclidean").isfinite().all()


@pytest.mark.parametrize("name", [each for each in CLASSIFIERS + PAIRWISE if each != "cross-entropy"])
def test_only_directions_count(name: str, request: pytest.FixtureRequest) -> None:
    if name in PAIRWISE:
        request.getfixturevalue("pairs")
    vectors, labels = batch()
    assert loss_of(name, vectors * 7, labels) == pytest.approx(loss_of(name, vectors, labels), rel=1e-4)


def test_a_loss_owns_a_layer_only_if_it_classifies(name: str) -> None:
    sizes = [tuple(parameter.shape) for parameter in make_loss(name, CLASSES, DIMENSION).parameters()]
    if name in PAIRWISE:
        assert sizes == []
    else:
        assert sizes[0] == (CLASSES, DIMENSION)


def test_following_the_loss_draws_classes_together_and_apart(name: str) -> None:
    torch.manual_seed(0)
    labels = torch.arange(12) % 3
    vectors = torch.randn(12, DIMENSION, requires_grad=True)
    loss = make_loss(name, 3, DIMENSION)
    optimiser = torch.optim.Adam([vectors, *loss.parameters()], lr=0.05)

    def lead() -> float:
        """By how much the mean cosine within classes is above that between them."""
        unit = F.normalize(vectors.detach())
        cosines, same = unit @ unit.T, labels[:, None] == labels
        return float(cosines[same & ~torch.eye(12, dtype=torch.bool)].mean() - cosines[~same].mean())

    before = lead()
    for _ in range(100):
        optimiser.zero_grad()
        loss(vectors, labels).backward()
        optimiser.step()
    assert lead() > before + 0.25


def test_a_name_that_is_none_is_told_the_names_there_are() -> None:
    with pytest.raises(InvalidSetting, match=r"no loss 'sphereface': give one of cross-entropy, .*triplet"):
        make_loss("sphereface", CLASSES, DIMENSION)


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("cosface", {"margn": 0.3}, r"loss cosface: .*margn.*its settings: scale, margin"),
        ("cosface", {"scale": 0.0}, r"loss cosface: .*> 0.*scale"),
        ("cross-entropy", {"scale": 20.0}, r"loss cross-entropy: .*scale.*its settings: none"),
        ("triplet", {"mining": "hardest"}, r"loss triplet: .*hardest.*mining"),
        ("triplet-semi-hard", {"mining": "all"}, r"loss triplet-semi-hard: .*mining"),
        ("supervised-contrastive", {"temperature": -1.0}, r"temperature"),
    ],
)
def test_a_setting_that_is_none_or_out_of_range_is_refused(
    name: str, settings: dict[str, object], told: str
) -> None:
    with pytest.raises(InvalidSetting, match=told):
        make_loss(name, CLASSES, DIMENSION, **settings)


@pytest.mark.parametrize("name", PAIRWISE)
def test_without_the_package_the_error_names_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("losses", "miners", "distances"):
        monkeypatch.setitem(sys.modules, f"pytorch_metric_learning.{part}", None)
    with pytest.raises(MissingExtra, match=r"docdex\[study\]"):
        make_loss(name, CLASSES, DIMENSION)
