"""Pages that describe an event: one kind of event, four labels, evidence for each, and a layout.

The labels are drawn first and independently of the kind (as far as the kind allows: a river swim is outdoors), then
the sentences that show them. A label may be "no" because the page says so or because the page says nothing;
distractors (free parking, a park next door, annual membership) are put in whatever the label is.
"""

from dataclasses import dataclass, field

from . import layout
from .expand import Expander, raised


@dataclass
class Facts:
    """What is true of a page. The `stated` set names the attributes the text decides explicitly."""

    lang: str
    kind: str
    group: str
    labels: dict
    stated: set = field(default_factory=set)
    cancelled: bool = False
    several: bool = False
    people: list = field(default_factory=list)


def draw_labels(rng, kind):
    """Labels of an event page and the way each `no` is to be shown."""
    out = kind.mode == "out" or (kind.mode == "both" and rng.random() < 0.5)
    free = rng.random() < (0.65 if "nopay" in kind.flags else 0.5)
    repeats = rng.random() < 0.5
    ways = {}
    ways["free"] = "yes" if free else ("unstated" if "nopay" in kind.flags or rng.random() < 0.25 else "no")
    if kind.mode == "both":
        ways["out"] = "yes" if out else ("unstated" if rng.random() < 0.2 else "no")
    else:
        ways["out"] = ("yes" if out else "no") if rng.random() < 0.75 else "unstated"
    ways["rep"] = "yes" if repeats else rng.choice(["no", "no", "often", "often", "unstated", "unstated"])
    labels = {"event": "yes", "repeats": repeats, "free": free, "outdoors": out}
    labels = {k: v if isinstance(v, str) else ("yes" if v else "no") for k, v in labels.items()}
    return labels, ways


def pick_title(page, kind, ways, labels):
    """A title that does not contradict the labels, sometimes one that shows one of them."""
    rng = page.rng
    good = []
    for title in kind.titles:
        mark, _, rest = title.rpartition("> ")
        if mark == "out" and labels["outdoors"] == "no" or mark == "in" and labels["outdoors"] == "yes":
            continue
        good.append(rest)
    title = page.expand(rng.choice(good))
    shown = set()
    for name, way in ways.items():
        section = f"title.{name}.{way}"
        if way != "unstated" and section in page.bank.lists and rng.random() < 0.14:
            title = page.expand(rng.choice(page.bank.lists[section])).replace("%", title)
            shown.add(name)
            break
    return raised(title), shown


def evidence(page, ways, shown, prose):
    """Sentences that show the labels, by attribute: {"free": [...], "out": [...], "rep": [...]}."""
    rng = page.rng
    found = {}
    for name, way in ways.items():
        lines = []
        section = f"{name}.{way}"
        if way != "unstated" and not (name in shown and rng.random() < 0.5):
            count = rng.choice([1, 1, 1, 1, 2, 2, 3] if name == "out" else [1, 1, 1, 1, 2])
            lines = [page.draw(section, prose) for _ in range(count)]
        distract = {"free": "free.distract", "out": "in.distract" if way == "yes" else "out.distract",
                    "rep": "rep.distract"}[name]
        if rng.random() < (0.35 if name == "free" else 0.22) and distract in page.bank.lists:
            lines.append(page.draw(distract, prose))
        found[name] = lines
    return found


def when_line(page, prose):
    """The line with date and time, or none on a few pages."""
    if page.rng.random() < 0.06:
        return []
    return [page.draw("say.when", prose)]


def body(page, kind, most):
    """What happens there: sentences of the kind and some that fit any event."""
    rng = page.rng
    lines = page.lines(kind.sentences, rng.randrange(1, most + 1))
    if rng.random() < 0.4:
        lines.append(page.draw("say.unstated"))
    return page.padded(lines) if most > 1 else lines


def mixed(rng, *groups):
    """All lines of the groups, shuffled."""
    lines = [line for group in groups for line in group]
    rng.shuffle(lines)
    return lines


def listing(page, kind, title, ev):
    rng = page.rng
    middle = mixed(rng, ev["free"], ev["out"], ev["rep"])
    text = body(page, kind, 4)
    order = rng.random()
    if order < 0.4:
        rest = [layout.block(rng, text), layout.stacked(rng, middle)]
    elif order < 0.7:
        rest = [layout.stacked(rng, middle), layout.block(rng, text)]
    else:
        rest = [layout.block(rng, mixed(rng, middle, text))]
    return layout.boilerplate(rng, page, "top", 3) + [layout.heading(rng, title)] + when_line(page, False) + rest \
        + closing(page, 0.5) + layout.boilerplate(rng, page, "end", 3)


def closing(page, chance):
    return [page.draw("say.close")] if page.rng.random() < chance else []


def prose(page, kind, title, ev):
    rng = page.rng
    opening = [page.draw("topic.open", True)] if rng.random() < 0.5 else []
    lines = mixed(rng, ev["free"], ev["out"], ev["rep"], body(page, kind, 5), when_line(page, True))
    head = [layout.heading(rng, title)] if rng.random() < 0.6 else []
    if not head:
        lines.insert(0, title)
    if rng.random() < 0.2:
        head += layout.boilerplate(rng, page, "top", 2)
    return head + [layout.prose(rng, opening + lines + closing(page, 0.4))]


def short(page, kind, title, ev):
    rng = page.rng
    lines = mixed(rng, ev["free"][:1], ev["out"][:1], ev["rep"][:1], body(page, kind, 1)[:1])
    lines = when_line(page, False) + lines if rng.random() < 0.8 else lines + when_line(page, False)
    return [title, layout.prose(rng, lines) if rng.random() < 0.6 else layout.stacked(rng, lines)]


def fields(page, kind, title, ev):
    rng = page.rng
    facts = when_line(page, False) + mixed(rng, ev["free"], ev["out"], ev["rep"])
    shape = rng.choice([layout.bullets, layout.stacked, layout.stacked])
    parts = [shape(rng, facts), layout.block(rng, body(page, kind, 4))]
    if rng.random() < 0.4:
        parts.reverse()
    return layout.boilerplate(rng, page, "top", 2) + [layout.heading(rng, title)] + parts + closing(page, 0.4) \
        + layout.boilerplate(rng, page, "end", 3)


def programme(page, kind, title, ev):
    rng = page.rng
    items = list(kind.items)
    hour = page.values.hour
    rows = []
    joint = rng.choice([" ", " - ", ": ", " | ", "  "])
    for item in items:
        rows.append(f"{page.values.time(min(23, hour))}{joint}{page.expand(item)}")
        hour += rng.choice([0, 1, 1, 2])
    around = mixed(rng, ev["free"], ev["out"], ev["rep"], body(page, kind, 3))
    return [layout.heading(rng, title)] + when_line(page, False) + [layout.block(rng, around[: len(around) // 2 + 1]),
            "\n".join(rows), layout.block(rng, around[len(around) // 2 + 1:])] + layout.boilerplate(rng, page, "end", 2)


def mail(page, kind, title, ev):
    rng = page.rng
    first = [page.draw("topic.open")]
    lines = when_line(page, True) + mixed(rng, ev["free"], ev["out"], ev["rep"], body(page, kind, 4))
    subject = [page.expand(rng.choice(page.bank.lists["mail.subject"])).replace("%", title)] if rng.random() < 0.6 \
        else [title]
    return subject + first + [layout.prose(rng, lines)] + closing(page, 1) + closing(page, 0.4)


def notice(page, kind, title, ev):
    """A page that reports on the event or calls it off, and so announces none."""
    rng = page.rng
    section = "say.cancel" if page.rng.random() < 0.5 else "say.past"
    page.fixed["_cancelled"] = "yes" if section == "say.cancel" else ""
    line = [page.draw(section)]
    lines = mixed(rng, ev["free"], ev["out"], ev["rep"], body(page, kind, 4))
    where = when_line(page, False)
    head = line + [layout.heading(rng, title)] if rng.random() < 0.5 else [layout.heading(rng, title)] + line
    return head + where + [layout.block(rng, lines)] + layout.boilerplate(rng, page, "end", 2)


def about(page):
    """On some pages a part about the house, the organisers or the way there, which is not about the event."""
    rng = page.rng
    kinds = [kind for kind in page.bank.pages if kind.name in ABOUT]
    if not kinds or rng.random() < 0.86:
        return []
    kind = rng.choice(kinds)
    head = [page.expand(rng.choice(kind.titles))] if rng.random() < 0.6 else []
    return head + [layout.block(rng, page.lines(kind.sentences, rng.randrange(1, 6)))]


ABOUT = ("club", "venue", "bio", "band", "transport", "imprint", "hotel", "hours", "terms", "faq")
SHAPES = ((listing, 30), (prose, 25), (short, 14), (fields, 14), (programme, 8), (mail, 9), (notice, 6))


def calendar(page, rng):
    """A page that lists several events; its attributes hold for all of them."""
    kinds = rng.sample(page.bank.events, rng.randrange(2, 6))
    both = [kind for kind in kinds if kind.mode == "both" and not kind.flags] or kinds[:1]
    labels, ways = draw_labels(rng, both[0])
    if ways["rep"] == "often":
        ways["rep"] = "unstated"
    ev = {name: [page.draw(f"series.{name}.{way}")] if f"series.{name}.{way}" in page.bank.lists else []
          for name, way in ways.items()}
    rows = []
    for kind in both * (1 if len(both) > 1 else 3):
        title, _ = pick_title(page, kind, {}, labels)
        page.fixed.pop("date", None)
        page.fixed.pop("time", None)
        page.values.hour = rng.choice([10, 14, 17, 19, 20])
        date = page.values.md()
        bits = [date, page.values.time(), title]
        if ways["out"] != "unstated" and rng.random() < 0.7:
            bits.append(page.slot("place_out" if ways["out"] == "yes" else "place_in"))
            page.fixed.pop("place_out", None)
            page.fixed.pop("place_in", None)
        if ways["free"] == "no" and rng.random() < 0.6:
            bits.append(page.values.price())
        rows.append(rng.choice([" | ", ", ", " - "]).join(bits))
        if rng.random() < 0.4:
            rows.append(page.lines(kind.sentences, 1)[0])
    head = page.expand(rng.choice(page.bank.lists["title.calendar"]))
    notes = mixed(rng, *ev.values())
    parts = [layout.heading(rng, head), layout.stacked(rng, rows)]
    parts.insert(rng.choice([1, 2]), layout.block(rng, notes) if notes else "")
    parts = layout.boilerplate(rng, page, "top", 2) + parts + layout.boilerplate(rng, page, "end", 3)
    return labels, ways, layout.joined(rng, parts)


def make(rng, lang):
    """One event page: (facts, text)."""
    page = Expander(rng, lang)
    if rng.random() < 0.06 and "title.calendar" in page.bank.lists:
        labels, ways, text = calendar(page, rng)
        facts = Facts(lang, "calendar", "calendar", labels, several=True)
    else:
        kind = rng.choice(page.bank.events)
        labels, ways = draw_labels(rng, kind)
        shapes = [(shape, weight) for shape, weight in SHAPES if shape is not programme or kind.items]
        shape = rng.choices(*zip(*shapes))[0]
        title, shown = pick_title(page, kind, ways, labels)
        ev = evidence(page, ways, shown, shape in (prose, mail, short))
        text = layout.joined(rng, shape(page, kind, title, ev) + about(page))
        if shape is notice:
            labels = dict.fromkeys(labels, "no")
        facts = Facts(lang, kind.name, kind.group, labels, cancelled=bool(page.fixed.get("_cancelled")))
    names = {"free": "free", "out": "outdoors", "rep": "repeats"}
    facts.stated = {names[n] for n, way in ways.items() if way not in ("unstated", "often")}
    facts.people = page.values.people[:]
    return facts, text
