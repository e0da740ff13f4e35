"""Restoring labels from what is readable of the last linear layer."""

from attacks.labels.restore import LabelCandidates, restore_labels

__all__ = ["LabelCandidates", "restore_labels"]
