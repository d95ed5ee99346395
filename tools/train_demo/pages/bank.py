"""Text banks: the sentences and word lists that pages are made of.

A bank is a plain text file under banks/. A line starting with @ opens a section:
`@name` is a list of alternatives, one a line; `@event KIND MODE GROUP [FLAG..]` and
`@page KIND GROUP` open a kind of page with T (titles, separated by " ; "), S (sentences) and
P (programme items, separated by " ; ") lines. A title marked `out>` or `in>` is fit only for an event outdoors or
indoors. MODE is out, in or both; the flag nopay means that nobody would sell tickets for it.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

BANKS = Path(__file__).parent / "banks"
SHARED = ("mail.subject", "band", "book", "Word", "animal", "hotel", "park", "pub")
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")


@dataclass
class Kind:
    """One kind of page and the stock of text it is made from."""

    name: str
    group: str
    mode: str = ""
    flags: tuple = ()
    titles: list = field(default_factory=list)
    sentences: list = field(default_factory=list)
    items: list = field(default_factory=list)


@dataclass
class Bank:
    """All sections of one language."""

    lang: str
    lists: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    pages: list = field(default_factory=list)

    def mapping(self, name):
        """The `key=value` lines of a section as a dict."""
        return dict(line.split("=", 1) for line in self.lists[name])


def _read(bank, path):
    kind = None
    section = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        if line.startswith("@"):
            head, *rest = line[1:].split()
            kind = section = None
            if head == "event":
                kind = Kind(rest[0], rest[2], rest[1], tuple(rest[3:]))
                bank.events.append(kind)
            elif head == "page":
                kind = Kind(rest[0], rest[1])
                bank.pages.append(kind)
            else:
                section = bank.lists.setdefault(head, [])
        elif kind is None:
            section.append(line)
        elif line.startswith("T "):
            kind.titles += line[2:].split(" ; ")
        elif line.startswith("S "):
            kind.sentences.append(line[2:])
        elif line.startswith("P "):
            kind.items += line[2:].split(" ; ")
        else:
            raise ValueError(f"{path.name}: line without T, S or P: {line!r}")


@lru_cache(maxsize=None)
def load(lang):
    """The bank of a language, read from every file banks/LANG_*.txt; lists of names are shared with English."""
    bank = Bank(lang)
    for path in sorted(BANKS.glob(f"{lang}_*.txt")):
        _read(bank, path)
    if lang != "en":
        for name in SHARED:
            bank.lists.setdefault(name, load("en").lists[name])
    return bank


def languages():
    """The languages that have a bank with events, evidence and pages."""
    return [lang for lang in LANGUAGES if load(lang).events and load(lang).pages]
