"""Whole pages written by hand, with variable parts: the drafts under drafts/.

A draft begins with `@draft KIND [ATTRIBUTE=ANSWER ...]`. KIND is `event`, `either` or, for what is no event, its name
after `other`. Its lines are lines of the page, in the template language of expand.py, after optional marks:

    p30                 the line is on 30 % of the pages
    free=no             only on pages where the attribute (event, free, out, rep) has that answer
    +                   the line is joined to the one before it by a space

A lone dot is an empty line. Answers that no line is marked for are declared in the head or are "no". Whether a draft of
kind `either` is an event is drawn like the attributes; where it is none, all other answers are "no", and the marked
lines are drawn all the same: what a report says of admission does not make it an event.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from . import layout
from .events import Facts
from .expand import Expander

DRAFTS = Path(__file__).parent / "drafts"
# Sections of the banks that sound like an answer and are none.
DISTRACTORS = {"free": ("free.distract",), "out": ("out.distract",), "rep": ("rep.distract", "rep.often")}
# How often the date of an event page is told without figures, and how often as seen from today.
FEAST_SHARE, SOON_SHARE = 0.2, 0.3
# How often a sentence of the banks stands in for a line that shows an attribute.
SWAP_SHARE = 0.25
LABELS = {"event": "event", "free": "free", "out": "outdoors", "rep": "repeats"}
MARK = re.compile(r"(?:p(?P<percent>\d\d) +|(?P<name>event|free|out|rep)=(?P<answer>yes|no)(?: +|$)|(?P<plus>\+) +)")


@dataclass
class Line:
    text: str
    percent: int = 100
    needs: dict = field(default_factory=dict)
    joins: bool = False


@dataclass
class Draft:
    kind: str
    declared: dict
    lines: list = field(default_factory=list)

    def marked(self, name):
        """The answers that some line is marked with: a subset of {"yes", "no"}."""
        return {line.needs[name] for line in self.lines if name in line.needs}


def parse_line(text):
    """A line without its marks, and what they say."""
    line = Line("")
    while match := MARK.match(text):
        if match["percent"]:
            line.percent = int(match["percent"])
        elif match["name"]:
            line.needs[match["name"]] = match["answer"]
        else:
            line.joins = True
        text = text[match.end():]
    line.text = text
    return line


def parse(path):
    """The drafts of a file. Raises ValueError where a head is malformed."""
    drafts = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = text.rstrip()
        if text.startswith("@draft "):
            words = text.split()[1:]
            declared = dict(word.split("=") for word in words if "=" in word)
            kinds = [word for word in words if "=" not in word]
            if not set(declared) <= set(LABELS) or not set(declared.values()) <= {"yes", "no"} \
                    or kinds[0] not in ("event", "either", "other") or len(kinds) > 2:
                raise ValueError(f"{path.name}:{number}: {text}")
            drafts.append(Draft(kinds[-1], declared))
        elif text and drafts:
            drafts[-1].lines.append(parse_line(text))
        elif text:
            raise ValueError(f"{path.name}:{number}: text before the first draft")
    return drafts


@lru_cache(maxsize=None)
def load(lang):
    """All drafts of a language."""
    return [draft for path in sorted(DRAFTS.glob(f"{lang}_*.txt")) for draft in parse(path)]


def draw_answer(rng, draft, name):
    """The answer of an attribute, and the answer whose lines are shown (None: those of neither)."""
    marked = draft.marked(name)
    if name in draft.declared or not marked:
        return draft.declared.get(name, "no"), None
    if marked == {"no"}:
        return "no", "no" if rng.random() < 0.6 else None
    answer = rng.choice(("yes", "no"))
    return answer, answer


def evidence(page, line):
    """A sentence of the banks that shows what the line shows, or None where the line shows none or is about no event.

    Drafts and evidence are mixed so that what a draft is about does not tell its answers.
    """
    (name, answer), *more = line.needs.items() or [("", "")]
    section = f"{name}.{answer}"
    if name not in ("free", "out", "rep") or more or section not in page.bank.lists:
        return None
    return page.draw(section, True)


def fill(page, draft, shown):
    """The text of the page: the lines that belong to the answers shown."""
    lines = []
    for line in draft.lines:
        if any(shown.get(name) != answer for name, answer in line.needs.items()):
            continue
        if page.rng.random() * 100 >= line.percent:
            continue
        text = page.expand(line.text) if line.text != "." else ""
        if shown.get("event") != "no" and page.rng.random() < SWAP_SHARE:
            text = evidence(page, line) or text
        if line.joins and lines and lines[-1]:
            lines[-1] += " " + text
        else:
            lines.append(text)
    return "\n".join(lines).strip()


def distracted(page, text, answers):
    """The text, on some pages with a line that sounds like an answer which the page does not give."""
    lines = text.split("\n")
    for name, sections in DISTRACTORS.items():
        section = page.rng.choice(sections)
        if answers[name] == "no" and section in page.bank.lists and page.rng.random() < 0.2:
            lines.insert(page.rng.randrange(1, len(lines) + 1), page.draw(section))
    return "\n".join(lines)


def turned(draft, name, answer, shown):
    """The other answer of an attribute where the draft has lines for yes; (answer, shown)."""
    if "yes" in draft.marked(name) and name not in draft.declared:
        answer = shown = "no" if answer == "yes" else "yes"
    return answer, shown


def make(rng, lang, turn=False):
    """One page from a draft: (facts, text). With turn, the answers are the other ones, whatever is drawn."""
    page = Expander(rng, lang)
    draft = rng.choice(load(lang))
    if turn and draft.kind not in ("event", "either"):
        draft = rng.choice(load(lang))
    answers, shown = {}, {}
    for name in LABELS:
        answers[name], shown[name] = draw_answer(rng, draft, name)
        if turn:
            answers[name], shown[name] = turned(draft, name, answers[name], shown[name])
    if draft.kind != "either":
        answers["event"] = "yes" if draft.kind == "event" else "no"
    if draft.kind in ("event", "either"):
        if rng.random() < FEAST_SHARE:
            page.fixed["date"] = page.slot("feast")
        if rng.random() < SOON_SHARE and answers["event"] == "yes":
            page.fixed["when"] = page.slot("soon")
    text = distracted(page, fill(page, draft, shown), answers)
    is_event = answers["event"] == "yes"
    labels = {LABELS[name]: answer if is_event else "no" for name, answer in answers.items()}
    parts = layout.boilerplate(rng, page, "top", 2) if rng.random() < 0.15 else []
    parts.append(text)
    if rng.random() < 0.15:
        parts += layout.boilerplate(rng, page, "end", 2)
    facts = Facts(lang, draft.kind, "", labels, people=page.values.people[:])
    facts.stated = {LABELS[name] for name in LABELS if labels[LABELS[name]] == "yes" or shown[name] == "no"}
    return facts, layout.joined(rng, parts)
