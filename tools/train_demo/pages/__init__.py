"""Training pages for the demo's adapter: web pages in several languages with yes/no questions and their answers.

Some are whole pages with variable parts (drafts/), the others are put together from sentences (banks/). All of it is
written by hand and the same for the same seed.
"""

import random

from . import bank, drafts, events, layout, others
from .questions import Asker

ENGLISH_SHARE = 0.62
DRAFT_SHARE = 0.8


def page(seed, number):
    """Page `number` of a seed as a dict (see generate).

    Pages 2n and 2n + 1, where they come from a draft, come from the same one with the same draws and opposite answers:
    what they share is no evidence, and one batch sees both.
    """
    rng = random.Random(f"{seed}/{number // 2}")
    rest = [lang for lang in bank.languages() if lang != "en"]
    lang = "en" if not rest or rng.random() < ENGLISH_SHARE else rng.choice(rest)
    if rng.random() < DRAFT_SHARE:
        facts, text = drafts.make(rng, lang, turn=number % 2 == 1)
    else:
        rng = random.Random(f"{seed}/{number}/")
        facts, text = (events if rng.random() < 0.5 else others).make(rng, lang)
    qa = Asker(rng, facts, text).run()
    return {
        "id": f"{seed}-{number}",
        "lang": facts.lang,
        "kind": facts.kind,
        "text": layout.worn(rng, text),
        "labels": facts.labels,
        "qa": qa,
    }


def generate(seed, n):
    """Yields n pages: {"id", "lang", "kind", "text", "labels": {event, repeats, free, outdoors: "yes"|"no"},
    "qa": [{"q", "a": "yes"|"no", "topic": "event"|"repeats"|"free"|"outdoors"|"other"}]}."""
    for number in range(n):
        yield page(seed, number)
