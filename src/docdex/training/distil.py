"""Learn from a teacher: its maps before the margin loss begins, its word on clean pages beside it.

The clean copies take part in the margin loss as well, so what a teacher adds is only known against a run with
the same copies and no teacher: `distil.loss = "none"`.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from docdex.errors import TrainingError
from docdex.training.classes import expand
from docdex.training.config import DistilConfig
from docdex.training.export import to_onnx
from docdex.training.teachers import Taught, open_teacher
from docdex.training.views import Batches
from docdex.training.workers import from_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from docdex.training.classes import ClassTable
    from docdex.training.config import TrainConfig
    from docdex.training.network import EmbeddingNetwork
    from docdex.training.processes import Processes

LossName = Literal["map_cosine", "map_smooth_l1", "cosine", "similarities", "relational", "published", "none"]
_MAP_LOSSES = ("map_cosine", "map_smooth_l1")
_LESSONS = range(2 << 24, 3 << 24)
"""Numbers of batches that no run reaches: views to learn maps on."""
_PROJECTED = ("cosine", "published")
"""Losses that compare number by number, and so need as many of them as the teacher has."""


def map_cosine(student: Tensor, teacher: Tensor) -> Tensor:
    """One minus the cosine of each cell, averaged: heads look at directions only.

    student, teacher: (N, C, G, G). Returns a scalar in 0 to 2.
    """
    return 1 - F.cosine_similarity(student, teacher, dim=1).mean()


def map_smooth_l1(student: Tensor, teacher: Tensor, *, beta: float = 2.0) -> Tensor:
    """Smooth L1 of cells that are whitened each by its own mean and deviation (arXiv 2205.14141).

    That paper whitens the teacher's alone; here a student's scale and offset do not count, as heads look at
    directions only.

    student, teacher: (N, C, G, G). beta: where the square ends and the line begins. Returns a scalar.
    """
    one, other = (F.layer_norm(maps.movedim(1, -1), maps.shape[1:2]) for maps in (student, teacher))
    return F.smooth_l1_loss(one, other, beta=beta)


def cosine(student: Tensor, teacher: Tensor) -> Tensor:
    """One minus the cosine of vectors (N, D), averaged. Returns a scalar in 0 to 2."""
    return 1 - F.cosine_similarity(student, teacher, dim=1).mean()


def softened_similarities(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """KL divergence of how each vector's cosines to the others are distributed (arXiv 2101.04731).

    Softmax of cosine / temperature over the rest of the batch, the teacher's against the student's. The
    dimensions may differ. student: (N, D), teacher: (N, E), N at least 2. Returns a scalar, times the squared
    temperature so that gradients keep their size (arXiv 1503.02531).
    """
    logs = [
        F.log_softmax(_without_diagonal(_cosines(vectors)) / temperature, dim=1)
        for vectors in (student, teacher)
    ]
    return F.kl_div(logs[0], logs[1], reduction="batchmean", log_target=True) * temperature**2


def relational(student: Tensor, teacher: Tensor) -> Tensor:
    """Relational knowledge distillation of distances and angles (arXiv 1904.05068), at its 1 to 2.

    Distances in units of the batch's mean; angles at each vector between any two others, as cosines. The
    dimensions may differ. student: (N, D), teacher: (N, E), N at least 3. Returns a scalar.
    """
    one, other = F.normalize(student), F.normalize(teacher)
    distances = F.smooth_l1_loss(_distances(one), _distances(other))
    return distances + 2 * F.smooth_l1_loss(_angles(one), _angles(other))


def published(student: Tensor, teacher: Tensor) -> Tensor:
    """KL divergence of soft-maxed unit vectors without temperature, as the published recogniser had it.

    A softmax of numbers between -1 and 1 is all but flat: the loss is about (1 - cosine) / D, orders below
    any margin loss. Here to be compared with. student, teacher: (N, D). Returns a scalar.
    """
    logs = [F.log_softmax(F.normalize(vectors), dim=1) for vectors in (student, teacher)]
    return F.kl_div(logs[0], logs[1], reduction="batchmean", log_target=True)


def _cosines(vectors: Tensor) -> Tensor:
    unit = F.normalize(vectors)
    return unit @ unit.T


def _without_diagonal(square: Tensor) -> Tensor:
    """(N, N) to (N, N - 1): nothing is compared with itself."""
    count = len(square)
    return square.flatten()[1:].view(count - 1, count + 1)[:, :-1].reshape(count, count - 1)


def _distances(unit: Tensor) -> Tensor:
    # From cosines, with a floor: the square root of nothing has no gradient.
    squares = (2 - 2 * _without_diagonal(unit @ unit.T)).clamp_min(1e-8)
    distances = squares.sqrt()
    return distances / distances.mean()


def _angles(vectors: Tensor) -> Tensor:
    """(N, N, N): cosine of the angle at the first of each three."""
    differences = F.normalize(vectors[None] - vectors[:, None], dim=2)
    return differences @ differences.transpose(1, 2)


class Distillation(nn.Module):
    """The term beside the margin loss: the student's clean copies against what the teacher said of them.

    taught: the teacher that those who make the batches ask. channels, dimension: of the student's maps and
    vectors. A projection that is thrown away after training stands between the two where a loss needs the
    same number of numbers.
    """

    def __init__(self, config: DistilConfig, taught: Taught, channels: int, dimension: int) -> None:
        super().__init__()
        self.config, self.taught = config, taught
        shape = taught.teacher.shape
        self.projection: nn.Module = nn.Identity()
        if config.loss in _MAP_LOSSES:
            if len(shape) != 3:
                raise TrainingError(
                    f"distil.loss {config.loss} needs maps; the teacher gives vectors {shape}."
                )
            if shape[0] != channels:
                self.projection = nn.Conv2d(channels, shape[0], 1)
        elif config.loss in _PROJECTED and math.prod(shape) != dimension:
            self.projection = nn.Linear(dimension, math.prod(shape))

    def forward(self, cells: Tensor, vectors: Tensor, said: Tensor) -> Tensor:
        """The weighted loss of clean copies, a scalar.

        cells: (N, C, G, G) trunk maps; vectors: (N, D); said: (N, ...) of the teacher's shape, all float32.
        """
        name, teacher = self.config.loss, said
        if name in _MAP_LOSSES:
            student = self.projection(cells)
            teacher = F.adaptive_avg_pool2d(teacher, student.shape[2:])
            loss = map_cosine(student, teacher) if name == "map_cosine" else map_smooth_l1(student, teacher)
            return self.config.weight * loss
        student, teacher = self.projection(vectors), teacher.flatten(1)
        if name == "similarities":
            loss = softened_similarities(student, teacher, temperature=self.config.temperature)
        else:
            loss = {"cosine": cosine, "relational": relational, "published": published}[name](
                student, teacher
            )
        return self.config.weight * loss


def listen(config: TrainConfig, network: EmbeddingNetwork, processes: Processes) -> Distillation | None:
    """The term that a config asks for; None without one.

    Raises what `open_teacher` and `Taught` raise, TrainingError for a loss that does not go with the teacher.
    """
    distil = config.distil
    if distil is None or distil.loss == "none":
        return None
    taught = Taught(open_teacher(distil, config.model.side), expand(distil.cache))
    distillation = Distillation(distil, taught, network.channels, config.model.dimension)
    processes.follow_first(distillation.state_dict().values())
    return distillation


def learn_maps(
    config: TrainConfig, table: ClassTable, network: EmbeddingNetwork, say: Callable[[str], None]
) -> None:
    """Let a network's trunk learn a teacher's maps on the run's own views, for `model.distil_minutes`.

    Raises what `open_teacher` raises, TrainingError for a teacher that gives vectors.
    """
    model = config.model
    teacher = open_teacher(config.distil or DistilConfig(), model.side)
    if len(teacher.shape) != 3:
        raise TrainingError("model.distil_minutes needs a distil.teacher that gives maps.")
    ask = teacher.open()
    # Images: a teacher cannot start from the student's frozen part.
    images = Batches(config, table, to_onnx(nn.Identity(), model.side, "maps"))
    views = from_workers(images, _LESSONS, config.workers)
    distil_maps(
        nn.Sequential(network.lower, network.upper),
        lambda images: torch.from_numpy(ask(resize_images(images, teacher.side).numpy())),
        (batch[0].float() for batch in views),
        minutes=model.distil_minutes,
        say=say,
    )


def resize_images(images: Tensor, side: int) -> Tensor:
    """Images (N, 3, S, S) as a teacher of another side takes them, (N, 3, side, side)."""
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)


def distil_maps(
    student: nn.Module,
    teacher: Callable[[Tensor], Tensor],
    batches: Iterable[Tensor],
    *,
    minutes: float,
    rate: float = 2e-3,
    say: Callable[[str], None] = print,
) -> int:
    """Train `student` to give the teacher's maps, up to each cell's length; the number of steps taken.

    teacher: images (N, 3, S, S) -> maps (N, C, G, G), without gradient. batches: images, as many as the time
    needs. Where the student has other channels or another grid, a projection is learned that is thrown away,
    and the teacher's grid is pooled.
    """
    began, steps = time.monotonic(), 0
    projection: nn.Module | None = None
    optimiser = torch.optim.AdamW(
        [p for p in student.parameters() if p.requires_grad], lr=rate, weight_decay=0.01
    )
    student.train()
    for images in batches:
        done = (time.monotonic() - began) / (60 * minutes)
        if done >= 1:
            break
        maps, taught = student(images.contiguous(memory_format=torch.channels_last)), teacher(images)
        if projection is None:
            projection = nn.Identity()
            if maps.shape[1] != taught.shape[1]:
                projection = nn.Conv2d(maps.shape[1], taught.shape[1], 1)
                optimiser.add_param_group({"params": list(projection.parameters())})
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (steps + 1) / 50) * (1 - done)
        loss = map_cosine(projection(maps), F.adaptive_avg_pool2d(taught, maps.shape[2:]))
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        steps += 1
        if steps % 20 == 0:
            say(f"distilling: step {steps} loss {float(loss.detach()):.4f}")
    return steps
