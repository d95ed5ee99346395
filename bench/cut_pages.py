#!/usr/bin/env python3
"""Makes pages of a wanted length out of the demo's: all of their text run together and cut every so many tokens.

    bench/cut_pages.py TRAWL MODEL INPUT FOLDER [--pages 64] [--tokens 300]

TRAWL reads INPUT (files, directories) and counts in the tokens of MODEL. FOLDER gets 001.txt and so on. A page that is read by itself
may have a token more or less than it was cut with.
"""

import argparse
import json
import subprocess
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("trawl")
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=300)
    options = parser.parse_args()

    def trawl(*command: str, stdin: bytes = b"") -> bytes:
        return subprocess.run([options.trawl, *command], input=stdin, stdout=subprocess.PIPE, check=True).stdout

    records = [json.loads(line) for line in trawl("read", options.input).splitlines()]
    text = "\n\n".join(record["text"] for record in records).encode()
    ids = trawl("tokenize", "-m", options.model, "-", stdin=text).split()
    if len(ids) < options.pages * options.tokens:
        raise SystemExit(f"cut_pages.py: {options.input} has {len(ids)} tokens, too few for {options.pages} pages of {options.tokens}")
    for page in range(options.pages):
        part = b" ".join(ids[page * options.tokens : (page + 1) * options.tokens])
        # The cut may go through a character.
        words = trawl("tokenize", "-m", options.model, "--decode", "-", stdin=part).decode(errors="ignore")
        (options.folder / f"{page + 1:03}.txt").write_text(words.strip())


if __name__ == "__main__":
    main()
