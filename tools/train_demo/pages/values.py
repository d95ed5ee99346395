"""Values that fill the slots of a page: people, towns, dates, times, prices, numbers.

A Values belongs to one page: the town, the date, the time and the places are fixed for the page so that its
lines agree with each other; people, prices and numbers are drawn anew for each slot.
"""

from datetime import date, timedelta

from . import feasts, names

ORDINALS = {
    "en": ["second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "twelfth", "twentieth"],
    "de": ["zweite", "dritte", "vierte", "fünfte", "siebte", "zehnte", "zwanzigste"],
}


def _english_ordinal(number):
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


class Values:
    """Draws slot values for one page in one language."""

    FIXED = ("town", "date", "when", "feast", "time", "time2", "year", "month", "weekday", "season", "park", "place_in", "place_out")

    def __init__(self, rng, lang):
        self.rng = rng
        self.lang = lang
        self.on = date(2023, 1, 1) + timedelta(days=rng.randrange(1800))
        self.hour = rng.choice([9, 10, 11, 14, 15, 16, 17, 18, 19, 19, 20, 20])
        self.minute = rng.choice([0, 0, 0, 30, 30, 15])
        self.hour_style = rng.randrange(5)
        self.currency = rng.choice(["£", "€", "$"]) if lang == "en" else "€"
        self.date_style = rng.randrange(12)
        self.people = []

    def one(self, table):
        return self.rng.choice(names.words(table, self.lang))

    def first(self):
        if self.rng.random() < 0.15:
            other = self.rng.choice(sorted(names.FIRST))
            return self.rng.choice(names.words(names.FIRST, other))
        return self.one(names.FIRST)

    def last(self):
        return self.one(names.LAST)

    def person(self):
        name = f"{self.first()} {self.last()}"
        if self.rng.random() < 0.06:
            name = f"Dr {name}"
        self.people.append(name)
        return name

    def town(self):
        return self.one(names.TOWN)

    othertown = town

    def year(self):
        return str(self.on.year)

    def year1(self):
        return str(self.on.year + 1)

    def year2(self):
        return str(self.on.year + 2)

    def pastyear(self):
        return str(self.rng.choice([self.rng.randrange(1870, 2016), self.rng.randrange(1950, 2018)]))

    def pastyear2(self):
        return str(self.rng.randrange(1990, 2023))

    def month(self):
        return names.words(names.MONTHS, self.lang)[self.on.month - 1]

    def weekday(self):
        return names.words(names.DAYS, self.lang)[self.on.weekday()]

    def season(self):
        return names.words(names.SEASONS, self.lang)[self.on.month % 12 // 3]

    def date(self, day=None):
        """A date in one of many written forms; the page keeps to one form most of the time."""
        day = day or self.on
        style = self.date_style if self.rng.random() < 0.8 else self.rng.randrange(12)
        month = names.words(names.MONTHS, self.lang)[day.month - 1]
        weekday = names.words(names.DAYS, self.lang)[day.weekday()]
        d, y = day.day, day.year
        if self.lang == "en":
            forms = [
                f"{weekday} {d} {month} {y}", f"{weekday}, {month} {d}", f"{month} {d}, {y}", f"{d} {month}",
                f"{weekday[:3]} {d} {month[:3]}", f"{weekday} the {_english_ordinal(d)} of {month}",
                f"{d:02}/{day.month:02}/{y}", f"{y}-{day.month:02}-{d:02}", f"{weekday} {_english_ordinal(d)} {month}",
                f"{d}.{day.month}.{y}", f"{month[:3]}. {d}", f"{_english_ordinal(d)} {month} {y}",
            ]
        elif self.lang == "de":
            forms = [f"{weekday}, {d}. {month} {y}", f"{d}. {month}", f"{d:02}.{day.month:02}.{y}",
                     f"{weekday[:2]}., {d}.{day.month}.", f"{weekday}, den {d}. {month}", f"{d}.{day.month}.{y % 100}"]
        elif self.lang in ("es", "pt"):
            forms = [f"{weekday}, {d} de {month} de {y}", f"{d} de {month}", f"{d:02}/{day.month:02}/{y}",
                     f"{weekday} {d} de {month}", f"{d}/{day.month}"]
        else:
            forms = [f"{weekday} {d} {month} {y}", f"{d} {month}", f"{d:02}/{day.month:02}/{y}",
                     f"{weekday} {d} {month}", f"{d} {month} {y}", f"{d}/{day.month}"]
        return forms[style % len(forms)]

    def _named(self, table):
        """A day of a table of feasts.py."""
        return self.rng.choice(table[self.lang]).format(
            n=self.rng.choice(feasts.NTH[self.lang]), m=self.month(), d=self.weekday())

    def feast(self):
        return self._named(feasts.FEASTS)

    def when(self):
        """A day with its preposition, fit for past and future."""
        day = self.date() if self.rng.random() < 0.4 else self.feast()
        return feasts.PREPOSITION[self.lang] + day

    def soon(self):
        """A day still to come, told from today."""
        return self._named(feasts.SOON)

    def later(self, span=40):
        return self.on + timedelta(days=self.rng.randrange(-span, span))

    def md(self):
        """Another date near the page's own."""
        return self.date(self.later())

    def time(self, hour=None):
        hour = self.hour if hour is None else hour
        minute = self.minute
        if self.lang == "de":
            return f"{hour} Uhr" if minute == 0 and self.hour_style else f"{hour}:{minute:02} Uhr"
        if self.lang in ("fr", "pt"):
            return f"{hour}h{minute:02}" if minute else f"{hour} h"
        if self.lang == "nl":
            return f"{hour}.{minute:02} uur"
        if self.lang in ("es", "it"):
            return f"{hour}:{minute:02}" if self.lang == "es" else f"ore {hour}.{minute:02}"
        twelve = (hour - 1) % 12 + 1
        half = "am" if hour < 12 else "pm"
        short = f"{twelve}" if minute == 0 else f"{twelve}:{minute:02}"
        return [f"{short}{half}", f"{short} {half}", f"{hour}:{minute:02}", f"{short.replace(':', '.')}{half}",
                f"{short} o'clock" if minute == 0 else f"{short} {half[0]}.m."][self.hour_style]

    def time2(self):
        return self.time(min(23, self.hour + self.rng.randrange(2, 6)))

    def _money(self, amount):
        if self.lang == "en":
            cents = f".{self.rng.choice(['50', '90', '00'])}" if self.rng.random() < 0.2 else ""
            return f"{self.currency}{amount}{cents}"
        return self.rng.choice([f"{amount} €", f"{amount},50 €", f"{amount} Euro" if self.lang == "de" else f"{amount} euros"
                                if self.lang in ("es", "fr", "pt") else f"{amount} euro", f"€ {amount}"])

    def price(self):
        return self._money(self.rng.choice([4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 18, 20, 22, 25, 28, 35]))

    def price2(self):
        return self._money(self.rng.choice([1, 2, 3, 4, 5]))

    def price3(self):
        return self._money(self.rng.choice([39, 45, 49, 55, 60, 75, 80, 95, 120, 180, 240]))

    def num(self):
        return str(self.rng.choice([20, 30, 40, 60, 80, 90, 120, 150, 180, 200, 250, 300, 340, 400, 520, 640, 800]))

    def num2(self):
        return str(self.rng.randrange(10, 96))

    def digit(self):
        return str(self.rng.randrange(2, 10))

    def count(self):
        return str(self.rng.randrange(3, 60))

    def nth(self):
        if self.lang == "en" and self.rng.random() < 0.6:
            return _english_ordinal(self.rng.randrange(2, 90))
        if self.lang == "en":
            return self.rng.choice(ORDINALS["en"])
        mark = {"de": ".", "fr": "e", "es": ".ª", "it": "ª", "nl": "e", "pt": ".ª"}[self.lang]
        return f"{self.rng.randrange(2, 90)}{mark}"

    def phone(self):
        return self.rng.choice(["0{}", "(0{})", "+{}", "0{}-"]).format(self.rng.randrange(110, 990)) + " " + str(
            self.rng.randrange(10000, 9999999))

    def email(self):
        host = self.rng.choice(["example.org", "example.com", "mail.example", "verein.example", "club.example"])
        return f"{self.rng.choice(['info', 'hello', self.first().lower(), 'office', 'team'])}@{host}"

