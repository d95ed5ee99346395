"""Averages two adapters of one lineage: python mix.py A.gguf B.gguf SHARE_OF_B OUT.gguf

Two points of one training lie in one basin: what is between them answers better than either where each has drifted
its own way (measured on the dev pages; see README.md).
"""

import sys

from adapter import read_adapter, write_adapter
from train import DESCRIPTION, NAME


def main():
    first, second, share, out = sys.argv[1:]
    (_, alpha, a), (_, _, b) = read_adapter(first), read_adapter(second)
    share = float(share)
    mixed = {name: tuple(x * (1 - share) + y * share for x, y in zip(a[name], b[name])) for name in a}
    write_adapter(out, mixed, alpha, NAME, DESCRIPTION)


if __name__ == "__main__":
    main()
