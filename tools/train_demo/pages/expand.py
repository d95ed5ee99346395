"""Expands the little template language of the banks.

`[a|b|]` takes one of the alternatives (they nest); `{slot}` is a value of the page, a maker of Values, or a line of
the bank's list of that name, expanded in turn; `{slot^}` has its first letter raised.
"""

import re

from . import bank
from .values import Values

CHOICE = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)(\^?)\}")
FIELD = re.compile(r"^[^\s:]{2,14}( [^\s:]+)?: ")


def raised(text):
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


class Expander:
    """Fills templates for one page."""

    def __init__(self, rng, lang):
        self.rng = rng
        self.bank = bank.load(lang)
        self.values = Values(rng, lang)
        self.fixed = {}
        self.used = set()

    def slot(self, name):
        if name in self.fixed:
            return self.fixed[name]
        if name in self.bank.lists:
            text = self.expand(self.rng.choice(self.bank.lists[name]))
        else:
            text = getattr(self.values, name.lower())()
        if name in Values.FIXED:
            self.fixed[name] = text
        return text

    def expand(self, template):
        """One expansion of a template."""
        while True:
            match = CHOICE.search(template)
            if not match:
                break
            pick = self.rng.choice(match.group(1).split("|"))
            template = template[: match.start()] + pick + template[match.end():]

        def fill(match):
            text = self.slot(match.group(1))
            return raised(text) if match.group(2) else text

        return SLOT.sub(fill, template).strip()

    def draw(self, section, prose=False):
        """A line of a section not used on this page yet; in prose no `Price: ...` field lines."""
        lines = self.bank.lists[section]
        for _ in range(8):
            line = self.rng.choice(lines)
            if line in self.used or (prose and FIELD.match(line.replace("[", ""))):
                continue
            break
        self.used.add(line)
        return raised(self.expand(line))

    def lines(self, templates, count):
        """Up to `count` of the templates, in their own order, expanded."""
        count = min(count, len(templates))
        picked = sorted(self.rng.sample(range(len(templates)), count))
        return [raised(self.expand(templates[i])) for i in picked]

    def padded(self, lines):
        """The lines with a few that say nothing to the point strewn in, on some pages many."""
        if "filler" not in self.bank.lists or self.rng.random() < 0.6:
            return lines
        lines = list(lines)
        for _ in range(self.rng.choice([1, 1, 1, 2, 2, 3, 4, 6, 10])):
            lines.insert(self.rng.randrange(len(lines) + 1), self.draw("filler"))
        return lines
