"""Questions about a page and their answers, from what is known of the page and from its text.

Wordings turned round ("Do visitors have to pay?") are asked only where the page decides the matter, because "not
stated" is "no" to both.
"""

import re

from . import bank, names
from .expand import Expander

ATTRIBUTES = ("repeats", "free", "outdoors")
MONEY = re.compile(r"[£$€] ?\d|\d ?€|\d,\d\d|\d euros?\b", re.I)
PHONE = re.compile(r"[\d)-] \d{5,7}\b")
DIGITS = re.compile(r"\d[\d /-]{5,}\d")
MONEY_WORDS = re.compile(r"price|preis|prix|preci|prezz|prij|preç|cost|fee|euro|£|€|\$|\bpay|kost|gratis|free", re.I)
# Groups of subjects that an event page or a page of another group may touch in passing.
VAGUE = {"community", "education", "history", "business", "kids", "fun", "arts", "nature", "venue", "people", "news",
         "outdoors", "travel", "policy", "shopping", "books"}
NEWS = {"newsaccident", "newscouncil", "newssport", "newsbusiness", "crime", "celebrity", "construction", "press"}


def flip(answer):
    """The opposite answer."""
    return "no" if answer == "yes" else "yes"


class Asker:
    """Makes the questions of one page."""

    def __init__(self, rng, facts, text):
        self.rng = rng
        self.facts = facts
        self.text = text
        own = facts.lang if facts.lang != "en" and rng.random() < 0.35 else "en"
        self.own = own if "q.event" in bank.load(own).lists else "en"
        self.qa = []
        self.seen = set()

    def wording(self, section, lang="en"):
        page = Expander(self.rng, lang)
        return page.expand(self.rng.choice(page.bank.lists[section]))

    def add(self, question, answer, topic):
        if topic != "other" and self.rng.random() < 0.06:
            forms = [question.rstrip("?"), question.lower(), f"Yes or no: {question}", question + "?"]
            question = self.rng.choice(forms)
        if question not in self.seen:
            self.seen.add(question)
            self.qa.append({"q": question, "a": answer, "topic": topic})

    def ask(self, topic, decided):
        """One question on a label: canonical, reworded, or turned round where `decided`."""
        label = self.facts.labels[topic]
        chance = self.rng.random()
        lang = self.own if self.rng.random() < 0.7 else "en"
        if chance < 0.24:
            self.add(bank.load("en").mapping("canon")[topic], label, topic)
        elif chance < 0.84 or not decided:
            self.add(self.wording(f"q.{topic}", lang), label, topic)
        elif f"q.{topic}.inv" in bank.load(lang).lists:
            self.add(self.wording(f"q.{topic}.inv", lang), flip(label), topic)

    def other(self):
        """One question on something else."""
        rng, text, facts = self.rng, self.text, self.facts
        kind = rng.choice(["lang", "price", "email", "phone", "parking", "cookies", "name", "name", "cancelled",
                           "several", "group", "group", "group", "kind", "kind", "kind"])
        fill = {}
        if kind == "lang":
            code = facts.lang if rng.random() < 0.5 else rng.choice([c for c in bank.LANGUAGES if c != facts.lang])
            fill, answer = {"langname": names.LANGUAGE_NAMES[code]}, code == facts.lang
        elif kind == "price":
            if not MONEY.search(text) and MONEY_WORDS.search(text):
                return
            answer = bool(MONEY.search(text))
        elif kind == "email":
            answer = "@" in text
        elif kind == "phone":
            answer = bool(PHONE.search(text))
            if not answer and DIGITS.search(text):
                return
        elif kind in ("parking", "cookies"):
            answer = kind in text.lower()
            if kind == "parking" and not answer and "park" in text.lower():
                return
        elif kind == "name":
            present = [name for name in facts.people if name in text]
            if present and rng.random() < 0.5:
                name, answer = rng.choice(present), True
            else:
                page = Expander(rng, facts.lang)
                name = page.values.person()
                answer = name in text
            fill = {"x": name}
        elif kind in ("cancelled", "several"):
            if not facts.group or facts.labels["event"] == "no" and rng.random() < 0.6:
                return
            answer = facts.cancelled if kind == "cancelled" else facts.several
        elif kind == "group":
            groups = bank.load("en").mapping("groups")
            if not facts.group:
                return
            if rng.random() < 0.65 and facts.group in groups:
                group, answer = facts.group, True
            else:
                group = rng.choice([g for g in groups if g != facts.group and g not in VAGUE])
                if f" {group}" in text.lower() or facts.group == "calendar":
                    return
                answer = False
            fill = {"group": groups[group]}
        else:
            kinds = bank.load("en").mapping("kinds")
            if rng.random() < 0.75 and facts.kind in kinds:
                fill, answer = {"kind": kinds[facts.kind]}, True
            elif not facts.group:
                return
            else:
                other = rng.choice([k for k in kinds if k != facts.kind])
                if other in NEWS and facts.kind in NEWS or kinds[other] == kinds.get(facts.kind) \
                        or {other, facts.kind} <= {"venue", "hours", "restaurant", "hotel", "terms", "faq", "privacy"}:
                    return
                fill, answer = {"kind": kinds[other]}, False
        if not answer and kind in ("email", "phone", "parking", "cookies", "cancelled", "several") and rng.random() < 0.6:
            return
        question = self.wording(f"q.{kind}")
        for key, value in fill.items():
            question = question.replace(f"%{key}%", value)
        self.add(question[:1].upper() + question[1:], "yes" if answer else "no", "other")

    def run(self):
        """The questions of the page, 5 to 8 of them, in random order."""
        rng, facts = self.rng, self.facts
        event = facts.labels["event"] == "yes"
        self.ask("event", True)
        if rng.random() < 0.3:
            self.ask("event", True)
        for topic in rng.sample(ATTRIBUTES, 3 if event else rng.choice([1, 2, 2, 3])):
            decided = event and topic in facts.stated
            self.ask(topic, decided)
            if event and rng.random() < 0.25:
                self.ask(topic, decided)
        want = rng.choice([5, 6, 6, 7, 7, 8])
        for _ in range(40):
            others = sum(q["topic"] == "other" for q in self.qa)
            if len(self.qa) >= want and others or others >= 4 and len(self.qa) >= 5:
                break
            self.other()
        rng.shuffle(self.qa)
        return self.qa[:8]
