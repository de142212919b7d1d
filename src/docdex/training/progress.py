"""Say how far a run is and how fast it goes: what its checkpoint keeps of it, and what people are shown."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pace:
    """A run as seen after a step. done: share of the budget, 0 to 1. rate: images a second. left: seconds."""

    step: int
    loss: float
    done: float
    rate: float
    left: float

    def __str__(self) -> str:
        return f"step {self.step} loss {self.loss:.3f} {self.rate:.0f} images/s {self.left / 60:.0f} min left"


@dataclass(slots=True)
class Progress:
    """How far a run is: kept in the checkpoint, so that time budgets survive a resume.

    seconds: wall time of the steps. cpu: seconds of all processes. best: score of `best.pt`. history: figures
    of each measurement.
    """

    step: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    best: float = float("-inf")
    history: list[dict[str, float]] = field(default_factory=list)

    def pace(self, loss: float, batch: int, done: float) -> Pace:
        """How it goes after a step. loss: to be shown. batch: images a step. done: share of the budget."""
        left = self.seconds / max(done, 1e-9) - self.seconds
        return Pace(self.step, loss, done, self.step * batch / max(self.seconds, 1e-9), max(left, 0.0))
