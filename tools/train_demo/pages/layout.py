"""How sentences become a page: lines, paragraphs, bullets, boilerplate and the noise of real web text."""

import re

MARKS = ("- ", "* ", "• ", "– ", "· ", "+ ", "> ")


def sentence(text):
    """The text with a full stop where it ends without punctuation."""
    return text if re.search(r"[.!?:)…,]$", text) else text + "."


def prose(rng, lines):
    """Lines run together into one to three paragraphs."""
    lines = [sentence(line) for line in lines]
    if len(lines) < 4 or rng.random() < 0.4:
        return " ".join(lines)
    cuts = sorted(rng.sample(range(1, len(lines)), rng.choice([1, 1, 2])))
    parts = [lines[a:b] for a, b in zip([0] + cuts, cuts + [len(lines)])]
    return rng.choice(["\n", "\n\n"]).join(" ".join(part) for part in parts)


def bullets(rng, lines):
    """Lines as a list."""
    mark = rng.choice(MARKS)
    return "\n".join(mark + line for line in lines)


def stacked(rng, lines):
    """Lines one below the other, sometimes with blank lines or joined by bars."""
    if rng.random() < 0.08:
        return " | ".join(lines)
    return rng.choice(["\n", "\n", "\n\n"]).join(lines)


def block(rng, lines):
    """Lines in a shape drawn at random; prose most of the time."""
    shape = rng.random()
    if shape < 0.55:
        return prose(rng, lines)
    if shape < 0.8:
        return stacked(rng, lines)
    return bullets(rng, lines)


def heading(rng, title):
    """A title as it stands on some page."""
    style = rng.random()
    if style < 0.1:
        return title.upper()
    if style < 0.16:
        return f"# {title}"
    if style < 0.2:
        return f"*** {title} ***"
    if style < 0.24:
        return f"{title}\n{'=' * min(40, len(title))}"
    if style < 0.28:
        return f"<< {title} >>"
    return title


def boilerplate(rng, page, where, most):
    """Up to `most` lines of navigation, date lines, cookie notes and the like."""
    count = rng.choice([0, 0, 1, 1, 2, 3][: most + 3])
    return list(dict.fromkeys(page.draw(f"boiler.{where}") for _ in range(count)))


def joined(rng, parts):
    """Parts of a page below each other."""
    gap = rng.choice(["\n", "\n\n", "\n"])
    text = gap.join(part for part in parts if part)
    return re.sub(r"(?<!\.)\.\.(?!\.)", ".", re.sub(r"\n{3,}", "\n\n", text))


def _typo(rng, word):
    if len(word) < 5 or not word.isalpha():
        return word
    i = rng.randrange(1, len(word) - 2)
    kind = rng.randrange(3)
    if kind == 0:
        return word[:i] + word[i + 1] + word[i] + word[i + 2:]
    if kind == 1:
        return word[:i] + word[i + 1:]
    return word[:i] + word[i] + word[i:]


def worn(rng, text):
    """The text with typos, lower case, lost accents or lost line breaks, on a few pages each."""
    chance = rng.random()
    if chance < 0.07:
        rate = rng.choice([0.02, 0.05])
        pieces = re.split(r"(\s+)", text)
        return "".join(_typo(rng, piece) if rng.random() < rate else piece for piece in pieces)
    if chance < 0.11:
        return text.lower()
    if chance < 0.13:
        return text.upper()
    if chance < 0.17:
        return re.sub(r"\s+", " ", text)
    if chance < 0.2:
        return re.sub(r"[.!]+(\s)", lambda m: rng.choice(["!", "!!", " :)", "..."]) + m.group(1), text)
    return text
