"""The door of the room that measures recognisers: one protocol, several peers, results for the docs."""

from docdex.evaluation.comparison import evaluate
from docdex.evaluation.peers import cheap_peer_names, peer_names
from docdex.evaluation.report import markdown_table, standing_table
from docdex.evaluation.results import (
    Intervals,
    Lead,
    PairResult,
    PeerResult,
    TrainingCost,
    TurnedResult,
    read_results,
    write_results,
)
from docdex.evaluation.thresholds import threshold_table

__all__ = [
    "Intervals",
    "Lead",
    "PairResult",
    "PeerResult",
    "TrainingCost",
    "TurnedResult",
    "cheap_peer_names",
    "evaluate",
    "markdown_table",
    "peer_names",
    "read_results",
    "standing_table",
    "threshold_table",
    "write_results",
]
