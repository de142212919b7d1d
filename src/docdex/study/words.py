"""What the figures of a study are called where people read them, and which way is better."""

FIGURES = {
    "cohesion": "cohesion ↑",
    "separation": "separation ↑",
    "recall@1": "recall@1 ↑",
    "map@r": "MAP@R ↑",
    "tpr@1e-3": "TPR at per-pair FPR 1e-3 ↑",
    "centroid": "nearest centroid right ↑",
    "classifier": "own layer right ↑",
    "seconds to quality": "CPU s to quality ↓",
    "group cohesion": "cohesion ↑",
    "group separation": "separation ↑",
    "group to others": "similarity to the others ↓",
    "group among itself": "similarity to each other ↓",
    "group centroid": "nearest centroid right ↑",
    "group classifier": "own layer right ↑",
}
"""Arrows say what is better; cohesion is better only where separation is no worse."""
