"""The door of the room that compares classification with metric learning, on texts and on images."""

from docdex.study.config import StudyConfig, read_config, read_kind, with_paths
from docdex.study.record import Finding, Study, read_json, write_json

__all__ = [
    "Finding",
    "Study",
    "StudyConfig",
    "read_config",
    "read_json",
    "read_kind",
    "with_paths",
    "write_json",
]
