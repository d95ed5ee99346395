"""python -m pages --n 4000 --seed 1 > pages.jsonl"""

import argparse
import json
import sys

from . import generate


def main():
    parser = argparse.ArgumentParser(description="Writes generated training pages, one JSON object per line.")
    parser.add_argument("--n", type=int, default=1000, help="how many pages")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for page in generate(options.seed, options.n):
        json.dump(page, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
