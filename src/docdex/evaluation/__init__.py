"""The door of the room that measures recognisers: one protocol, several peers, results for the docs."""

from docdex.evaluation.comparison import evaluate
from docdex.evaluation.peers import peer_names
from docdex.evaluation.report import markdown_table
from docdex.evaluation.results import PairResult, PeerResult, TurnedResult, read_results, write_results
from docdex.evaluation.thresholds import threshold_table

__all__ = [
    "PairResult",
    "PeerResult",
    "TurnedResult",
    "evaluate",
    "markdown_table",
    "peer_names",
    "read_results",
    "threshold_table",
    "write_results",
]
