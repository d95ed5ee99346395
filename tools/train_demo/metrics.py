"""Figures for yes/no answers, and the table that shows them."""

import numpy as np


def accuracy(p_yes, labels):
    """Share of answers at threshold 0.5 that are right. p_yes in [0, 1], labels in {0, 1}."""
    return float(np.mean((np.asarray(p_yes) >= 0.5) == np.asarray(labels)))


def auc(scores, labels):
    """Area under the ROC curve: how often a yes scores above a no, ties counting half.

    Not a number where one of the two classes is missing.
    """
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    yes, no = scores[labels], scores[~labels]
    if not len(yes) or not len(no):
        return float("nan")
    wins = (yes[:, None] > no[None, :]).mean()
    return float(wins + (yes[:, None] == no[None, :]).mean() / 2)


def majority(labels):
    """Accuracy of always giving the commoner answer."""
    share = float(np.mean(labels))
    return max(share, 1 - share)


def table(rows, header):
    """The rows (lists of strings and floats) as aligned text; the first column to the left."""
    cells = [header] + [[f"{c:.3f}" if isinstance(c, float) else str(c) for c in r] for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    return "\n".join("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(row, widths))) for row in cells)
