"""Pages that describe no event: recipes, job adverts, histories, venue pages, news, forum threads and so on.

They use the words of event pages too (dates, prices, "every year", "free", "outdoors"), so that single words do not
give the answer away.
"""

from . import layout
from .events import Facts
from .expand import Expander, raised

NO = {"event": "no", "repeats": "no", "free": "no", "outdoors": "no"}


def aside(page):
    """On a few pages a part of another page, or a teaser for an event that the page is not about."""
    rng = page.rng
    chance = rng.random()
    if chance < 0.06 and "boiler.teaser" in page.bank.lists:
        event = rng.choice(page.bank.events)
        title = page.expand(rng.choice(event.titles).rpartition("> ")[2])
        return [page.expand(rng.choice(page.bank.lists["boiler.teaser"])).replace("%", title)]
    if chance < 0.16:
        other = rng.choice(page.bank.pages)
        return [page.expand(rng.choice(other.titles)), layout.block(rng, page.lines(other.sentences, rng.randrange(1, 5)))]
    return []


def make(rng, lang):
    """One page that is not about an event: (facts, text)."""
    page = Expander(rng, lang)
    kind = rng.choice(page.bank.pages)
    lines = page.lines(kind.sentences, rng.choice([2, 3, 4, 5, 6, 8]))
    if rng.random() < 0.25:
        rng.shuffle(lines)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3] if lang == "en" else [0, 0, 0, 1, 1, 2])):
        lines.insert(rng.randrange(len(lines) + 1), page.draw("nonevent.pepper"))
    lines = page.padded(lines)
    title = raised(page.expand(rng.choice(kind.titles)))
    head = [layout.heading(rng, title)] if rng.random() < 0.85 else []
    half = len(lines) // 2
    if len(lines) > 4 and rng.random() < 0.4:
        parts = [layout.block(rng, lines[:half]), layout.block(rng, lines[half:])]
    else:
        parts = [layout.block(rng, lines)]
    if rng.random() < 0.6:
        head = layout.boilerplate(rng, page, "top", 3) + head
        parts += layout.boilerplate(rng, page, "end", 3)
    text = layout.joined(rng, head + parts + aside(page))
    facts = Facts(lang, kind.name, kind.group, dict(NO), people=page.values.people[:])
    return facts, text
