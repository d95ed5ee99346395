#!/usr/bin/env python3
"""Answers a second of llama.cpp's server over a sheet of yes/no questions about pages, asked in two ways.

    bench/server.sh                                      # beside trawl; this file is its half

    bench/server_rate.py SERVER TRAWL MODEL QUESTIONS FOLDER --threads N [options]

SERVER is llama-server; QUESTIONS has a question a line, FOLDER the pages, a file each. TRAWL says what the prompts are, so that both
programs are given the same. Prints a JSON object for each way, page first:

  page first   the server at its best: every page has a slot for itself while its questions are asked, so that the slot's cache holds it;
               all slots are busy, so that the micro-batches of 2,048 are full. The questions of a page are one request with as many prompts.
  one by one   as people do: page and question in one request, the next when the answer is there, everything left to the server, whose
               cache still has the page. Asked of pages that the first way did not have.

Counted in each: "answers", "seconds", "prompt_tokens" and "rows", the tokens that were computed and not taken from the cache. The first
line also has "sheet_prompt_tokens", of all questions about all pages in the folder. Exit 3 when the server ends or does not start.
"""

import argparse
import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HOST = "127.0.0.1"
# After so many seconds without a word the server is taken for dead; a request may wait for as long as its page takes.
LIMIT = 3600
# What a prompt is put around is a page of this one word.
MARK = "PAGEGOESHERE"


class Ended(Exception):
    """The server is not there any more, or never was."""


class Server:
    """A running llama-server; [options] as parsed below."""

    def __init__(self, options: argparse.Namespace, log):
        context = options.slots * options.slot_tokens
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = free.getsockname()[1]
        command = [
            options.server, "-m", options.model, "--host", HOST, "--port", str(self.port), "--threads", str(options.threads),
            "--load-mode", "mmap", "--no-repack", "--parallel", str(options.slots), "--ctx-size", str(context), "--batch-size", "2048",
            "--ubatch-size", "2048", "--kv-unified" if options.unified else "--no-kv-unified", "--cache-type-k", options.cache_type,
            "--cache-type-v", options.cache_type,
            # Without these it would look for more memory: to fit the context to it, and to keep the prompts of slots that get others.
            "--fit", "off", "--cache-ram", "0",
        ]  # fmt: skip
        if options.group:
            command = ["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', options.group, *command]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_until_ready(self) -> None:
        started = time.monotonic()
        while True:
            try:
                self.request("GET", "/health")
                return
            except (OSError, http.client.HTTPException):
                if self.process.poll() is not None or time.monotonic() - started > LIMIT:
                    raise Ended from None
            time.sleep(0.1)

    def request(self, method: str, path: str, body: dict | None = None):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=LIMIT)
        try:
            connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
            response = connection.getresponse()
            said = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise http.client.HTTPException(f"{path}: {response.status} {said[:200].decode(errors='replace')}")
        return json.loads(said)

    def count_tokens(self, prompt: str) -> int:
        return len(self.request("POST", "/tokenize", {"content": prompt, "add_special": True, "parse_special": True})["tokens"])

    def complete(self, prompt: str | list[str], **more) -> list[dict]:
        """One token for each prompt, with the probabilities that yes and no are read from."""
        result = self.request("POST", "/completion", {"prompt": prompt, "n_predict": 1, "temperature": 0, "n_probs": 10, **more})
        return result if isinstance(result, list) else [result]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Count:
    """What came back, from any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answers = self.prompt_tokens = self.rows = 0

    def add(self, results: list[dict]) -> None:
        with self.lock:
            for result in results:
                if len(result["completion_probabilities"]) != 1 or result["truncated"]:
                    raise http.client.HTTPException("an answer without probabilities, or to a prompt that was cut")
                self.answers += 1
                self.prompt_tokens += result["tokens_evaluated"]
                self.rows += result["timings"]["prompt_n"]

    def as_json(self, way: str, seconds: float, **more) -> str:
        return json.dumps({
            "way": way, "answers": self.answers, "seconds": round(seconds, 2), "prompt_tokens": self.prompt_tokens, "rows": self.rows,
            **more,
        })  # fmt: skip


def prompts_of(trawl: str, model: str, questions: list[str], pages: list[str]) -> list[list[str]]:
    """[page][question]: what trawl would send, which it shows for one page."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.txt"
        page.write_text(MARK)
        for question in questions:
            command = [trawl, "ask", "-m", model, "-q", question, "--show-prompt", str(page)]
            # It ends the line that the prompt leaves open.
            shown = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.removesuffix("\n")
            parts.append(shown.split(MARK))
    return [[before + page + after for before, after in parts] for page in pages]


def ask_page_first(server: Server, pages: list[list[str]], slots: int) -> tuple[Count, float]:
    """All pages, each on one slot. The next page of a slot waits here until the one before it is done: in the server's queue they could mix."""
    count, waiting, failures = Count(), list(pages), []
    lock = threading.Lock()

    def feed(slot: int) -> None:
        while True:
            with lock:
                if not waiting or failures:
                    return
                prompts = waiting.pop(0)
            try:
                count.add(server.complete(prompts, id_slot=slot, cache_prompt=True))
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)

    threads = [threading.Thread(target=feed, args=(slot,)) for slot in range(min(slots, len(pages)))]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return count, time.monotonic() - started


def ask_one_by_one(server: Server, pages: list[list[str]]) -> tuple[Count, float]:
    count = Count()
    started = time.monotonic()
    for prompts in pages:
        for prompt in prompts:
            count.add(server.complete(prompt))
    return count, time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("trawl")
    parser.add_argument("model")
    parser.add_argument("questions", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=16, help="asked page first, from the beginning of the folder")
    parser.add_argument("--pages-one-by-one", type=int, default=2, help="from its end")
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--slot-tokens", type=int, default=384, help="context of a slot")
    parser.add_argument("--unified", action="store_true", help="one cache for all slots instead of one each")
    parser.add_argument("--cache-type", default="f16", help="of keys and values")
    parser.add_argument("--group", help="folder of the memory cgroup that the server shall be in")
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, which ends the server too

    questions = options.questions.read_text().splitlines()
    pages = [path.read_text() for path in sorted(options.folder.iterdir())]
    prompts = prompts_of(options.trawl, options.model, questions, pages)
    with tempfile.TemporaryFile("w+") as log:
        server = Server(options, log)
        try:
            server.wait_until_ready()
            sheet_tokens = sum(server.count_tokens(prompt) for page in prompts for prompt in page)
            count, seconds = ask_page_first(server, prompts[: options.pages], options.slots)
            print(count.as_json("page first", seconds, sheet_prompt_tokens=sheet_tokens), flush=True)
            count, seconds = ask_one_by_one(server, prompts[len(prompts) - options.pages_one_by_one :])
            print(count.as_json("one by one", seconds), flush=True)
        except (Ended, OSError, http.client.HTTPException) as error:
            server.stop()
            log.seek(0)
            last = next((line for line in reversed(log.read().splitlines()) if line.strip()), "nothing")
            how = server.process.returncode
            print(f"{str(error) or 'it did not start'}; its exit status {how} (-9: killed, for memory?); its last words: {last}", file=sys.stderr)
            sys.exit(3)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
