"""Prompts as trawl sends them, and batches in which the questions of a page share its tokens."""

import csv
import html.parser
import re

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

SYSTEM = "You read a web page and answer a question about it with yes or no."

# Tags that end a line of the visible text, and tags whose text is not visible.
BLOCK_TAGS = set(
    "address article aside blockquote br caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr legend li main menu nav ol option "
    "p pre section select summary table tbody td tfoot th thead title tr ul".split())
HIDDEN_TAGS = set("script style template noscript svg".split())


class _VisibleText(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.parts, self.hidden, self.in_head, self.in_title = [], 0, False, False

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in HIDDEN_TAGS
        self.in_head = tag == "head" or (self.in_head and tag != "body")
        self.in_title = tag == "title" or self.in_title
        if tag in BLOCK_TAGS:
            self.parts.append("\n")

    def handle_endtag(self, tag):
        self.hidden -= tag in HIDDEN_TAGS and self.hidden > 0
        self.in_head = self.in_head and tag != "head"
        self.in_title = self.in_title and tag != "title"
        if tag in BLOCK_TAGS:
            self.parts.append("\n")

    def handle_data(self, data):
        if not self.hidden and (self.in_title or not self.in_head):
            self.parts.append(re.sub(r"\s+", " ", data))


def visible_text(document):
    """What a reader sees: the text of HTML (told by content), other documents as they are."""
    if not re.search(r"<(!doctype html|html|head|body)\b", document[:1024], re.IGNORECASE):
        return document.strip()
    parser = _VisibleText()
    parser.feed(document)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def read_questions(path):
    """{name: [question, paraphrase, ...]}."""
    with open(path, encoding="utf-8", newline="") as lines:
        return {row["name"]: [row[c] for c in ("question", "paraphrase1", "paraphrase2") if row[c]]
                for row in csv.DictReader(lines, delimiter="\t")}


class Prompts:
    """The tokenizer of a GGUF file's metadata, and prompts in ChatML.

    Text never becomes a special token, whatever it contains; the spans between special tokens are
    tokenised as one piece each. Only the pre-tokenizer "smollm" is known.
    """

    def __init__(self, meta):
        if meta["tokenizer.ggml.pre"] != "smollm":
            raise ValueError(f"pre-tokenizer {meta['tokenizer.ggml.pre']}, expected smollm")
        tokens = meta["tokenizer.ggml.tokens"]
        self.ids = {token: i for i, token in enumerate(tokens)}
        merges = [tuple(merge.split(" ")) for merge in meta["tokenizer.ggml.merges"]]
        self.tokenizer = Tokenizer(models.BPE(self.ids, merges))
        self.tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False)])
        self.start, self.end = self.ids["<|im_start|>"], self.ids["<|im_end|>"]
        self.newline = self.encode("\n")
        self.prefix = [self.start, *self.encode(f"system\n{SYSTEM}"), self.end, *self.newline]
        self.suffix = [self.end, *self.newline, self.start, *self.encode("assistant\n")]
        self.answers = {answer: self._tokens_meaning(tokens, answer) for answer in ("yes", "no")}

    @staticmethod
    def _tokens_meaning(tokens, word):
        """Ids of all tokens whose text, trimmed and case-folded, is the word."""
        blanks = str.maketrans({"Ġ": " ", "Ċ": "\n", "ĉ": "\t", "č": "\r"})
        return torch.tensor([i for i, token in enumerate(tokens)
                             if token.translate(blanks).strip().casefold() == word])

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def cut(self, page, n_tokens):
        """The page without surrounding blanks, cut to about n_tokens."""
        page = page.strip()
        encoding = self.tokenizer.encode(page, add_special_tokens=False)
        if len(encoding.ids) <= n_tokens:
            return page
        return page[:encoding.offsets[n_tokens][0]].rstrip()

    def prompt(self, page, question, question_first=False):
        """The whole prompt's ids; the next token is the answer."""
        first, second = (question, page) if question_first else (page, question)
        user = self.encode(f"user\n{first}\n\n{second}")
        return [*self.prefix, self.start, *user, *self.suffix]


class Sequence:
    """Several prompts as one sequence: what all share once, then a branch for each.

    ids, positions: lists; branch: per token 0 for the shared part or 1.. for the prompt; read: the
    place of each prompt's last token.
    """

    def __init__(self, prompts):
        shared = 0
        limit = min(len(p) for p in prompts) - 1
        while shared < limit and len({p[shared] for p in prompts}) == 1:
            shared += 1
        self.ids = list(prompts[0][:shared])
        self.positions = list(range(shared))
        self.branch = [0] * shared
        self.read = []
        for i, p in enumerate(prompts):
            self.ids += p[shared:]
            self.positions += range(shared, len(p))
            self.branch += [i + 1] * (len(p) - shared)
            self.read.append(len(self.ids) - 1)

    def __len__(self):
        return len(self.ids)


def pad(sequences):
    """The arguments of Model.forward for the sequences; the answers come in their order."""
    n, t = len(sequences), max(len(s) for s in sequences)
    ids = torch.zeros(n, t, dtype=torch.long)
    positions = torch.zeros(n, t, dtype=torch.long)
    branch = torch.full((n, t), -1)
    read = []
    for i, s in enumerate(sequences):
        ids[i, :len(s)] = torch.tensor(s.ids)
        positions[i, :len(s)] = torch.tensor(s.positions)
        branch[i, :len(s)] = torch.tensor(s.branch)
        read += [i * t + place for place in s.read]
    rows, columns = branch[:, :, None], branch[:, None, :]
    mask = ((columns == rows) | (columns == 0)) & torch.ones(t, t, dtype=torch.bool).tril()
    return ids, positions, mask, torch.tensor(read)
