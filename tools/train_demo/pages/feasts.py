"""Days named without figures: feasts, weekdays of a month, "this Saturday".

Real notices often give no date in figures, so that a model that has only seen such dates takes an announcement for a
history. FEASTS fit where a date stands ("on {feast}"); WHEN carries its own preposition and fits past and future; SOON
fits only what is still to come. {d} is a weekday, {m} a month, {n} an ordinal.
"""

NTH = {
    "en": ("first", "second", "third", "last"),
    "de": ("ersten", "zweiten", "dritten", "letzten"),
    "fr": ("premier", "deuxième", "troisième", "dernier"),
    "es": ("primer", "segundo", "tercer", "último"),
    "it": ("primo", "secondo", "terzo", "ultimo"),
    "nl": ("eerste", "tweede", "derde", "laatste"),
    "pt": ("primeiro", "segundo", "terceiro", "último"),
}
FEASTS = {
    "en": ("Whit Monday", "Easter Monday", "Boxing Day", "Palm Sunday", "Midsummer Eve", "St George's Day", "May Day",
           "Candlemas", "Ascension Day", "the {n} {d} of {m}", "the {n} {d} in {m}", "the {n} {d} of {m}",
           "Bank Holiday Monday", "New Year's Day", "Twelfth Night", "Labor Day", "Shrove Tuesday", "Remembrance Sunday",
           "the {n} weekend of {m}", "Halloween", "Harvest Sunday", "{d} evening", "{d}", "Burns Night"),
    "de": ("Pfingstmontag", "Ostersonntag", "Dreikönigstag", "Martinstag", "Himmelfahrtstag", "Palmsonntag",
           "{n} {d} im {m}", "{n} {d} im {m}", "{n} Advent", "Nikolaustag", "Faschingsdienstag", "{d}",
           "Vorabend zum 1. Mai", "{n} Wochenende im {m}", "Johannistag"),
    "fr": ("lundi de Pentecôte", "jour de l'Ascension", "{n} {d} de {m}", "{n} {d} de {m}", "lundi de Pâques",
           "dimanche des Rameaux", "soir de la Saint-Jean", "{n} week-end de {m}", "mardi gras", "jour de l'an"),
    "es": ("lunes de Pascua", "día de San Juan", "{n} {d} de {m}", "{n} {d} de {m}", "día de Reyes",
           "domingo de Ramos", "{n} fin de semana de {m}", "martes de Carnaval", "día del Corpus"),
    "it": ("lunedì di Pasqua", "giorno di San Giovanni", "{n} sabato di {m}", "{n} fine settimana di {m}",
           "giorno dell'Epifania", "martedì grasso", "{n} giovedì di {m}", "giorno di Ferragosto"),
    "nl": ("tweede pinksterdag", "Koningsdag", "de {n} {d} van {m}", "de {n} {d} van {m}", "Hemelvaartsdag",
           "tweede paasdag", "oudejaarsavond", "Palmzondag", "het {n} weekend van {m}", "{d}"),
    "pt": ("dia de São João", "{n} sábado de {m}", "{n} domingo de {m}", "domingo de Ramos", "dia de Reis",
           "domingo de Páscoa", "{n} fim de semana de {m}", "feriado municipal", "dia de São Martinho"),
}
PREPOSITION = {"en": "on ", "de": "am ", "fr": "le ", "es": "el ", "it": "il ", "nl": "op ", "pt": "no "}
SOON = {
    "en": ("this {d}", "tomorrow", "tonight", "next {d}", "on {d} week", "this coming {d}", "a week on {d}",
           "{d} after next", "tomorrow evening", "this weekend", "later today", "in a fortnight"),
    "de": ("morgen", "heute Abend", "diesen {d}", "am kommenden {d}", "nächsten {d}", "kommende Woche am {d}",
           "in vierzehn Tagen", "dieses Wochenende"),
    "fr": ("demain", "ce soir", "{d} prochain", "ce {d}", "{d}", "demain soir", "dans quinze jours", "ce week-end"),
    "es": ("mañana", "esta noche", "este {d}", "el próximo {d}", "el {d} que viene", "mañana por la tarde",
           "este fin de semana"),
    "it": ("domani", "stasera", "questo fine settimana", "{d} prossimo", "domani sera", "fra quindici giorni",
           "questo giovedì"),
    "nl": ("morgen", "vanavond", "aanstaande {d}", "komende {d}", "dit weekend", "morgenavond", "over twee weken"),
    "pt": ("amanhã", "hoje à noite", "este {d}", "no próximo {d}", "já no {d}", "amanhã à tarde",
           "neste fim de semana"),
}
