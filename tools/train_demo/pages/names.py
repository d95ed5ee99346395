"""Word lists shared by the value makers: people, towns, months, weekdays."""

FIRST = {
    "en": """Alice Ben Carol Dave Edith Frank Grace Harry Isla Jack Kate Liam Martha Noah Olive Pete Quentin Ruth Sam
    Tess Una Victor Wendy Xavier Yusuf Zoe Amina Bashir Chloe Derek Eleanor Fergus Gwen Hamish Imogen Joyce Kofi Lydia
    Mabel Nikhil Orla Priya Rhys Sanjay Tamsin Umar Violet Winston Morag Declan Shreya Tariq Nadia Colm Doris""",
    "de": """Anna Bernd Claudia Dieter Elke Franz Greta Heinz Ingrid Jonas Katrin Lars Monika Norbert Olga Paul Renate
    Stefan Tanja Uwe Vera Werner Ayşe Björn Christa Detlef Frieda Günter Heike Jürgen Lotte Mehmet Nele Sabine""",
    "fr": """Amélie Bruno Camille Denis Élodie Fabien Gisèle Hugo Inès Julien Karine Luc Manon Noémie Olivier Pascal
    Rachid Sylvie Thierry Véronique Yann Zineb Aurélie Baptiste Colette Didier Fatou Gérard""",
    "es": """Alba Bruno Carmen Diego Elena Fermín Gloria Hugo Inés Javier Lucía Manuel Nuria Óscar Pilar Ramón Sofía
    Tomás Virginia Ximena Andrés Beatriz Consuelo Emilio Rosario""",
    "it": """Alessia Bruno Chiara Davide Elisa Fabio Giulia Ivo Lorenzo Marta Nicola Ornella Paolo Rosa Simone Teresa
    Ugo Valeria Zeno Caterina Domenico Federica Giacomo Ilaria""",
    "nl": """Anneke Bart Corrie Daan Els Floor Geert Hanneke Ingmar Joost Karin Lieke Maarten Nienke Piet Roos Sjoerd
    Truus Wim Yara Bram Femke Gijs Hilde Jelle""",
    "pt": """Afonso Beatriz Carlos Diana Eduardo Fátima Gonçalo Helena Inês João Leonor Miguel Núria Patrícia Rui Sara
    Tiago Vasco Catarina Duarte Filipa Graça""",
}
LAST = {
    "en": """Abbott Barker Coleman Dunne Ellison Fairweather Gupta Hargreaves Ingram Jarvis Kowalski Lockwood Mbeki
    Nolan Okafor Pemberton Quigley Redmond Sutcliffe Thackeray Underhill Vaughan Whitlock Yates Achebe Bhatt Crane
    Delaney Eze Fitzgerald Greenhalgh Hobbs Iqbal Johansson Kelleher Larkin McAllister Nakamura O'Brien Patel Rasmussen
    Sandhu Tierney Usman Verma Walsh Zielinski Penrose Trevelyan Marsh""",
    "de": """Albrecht Baumann Christiansen Demir Ebert Fuchs Gruber Hofmann Immler Jansen Krüger Lehmann Maurer Neubauer
    Obermeier Pohl Quandt Reuter Schäfer Thoma Ullrich Vogt Wegener Yildiz Zimmermann""",
    "fr": """Arnaud Benali Chevalier Dubreuil Estève Fournier Garnier Huet Imbert Jacquet Lacombe Marchand Nicolas
    Perrin Quéré Renard Simonin Tessier Vasseur""",
    "es": """Aguilar Benítez Cabrera Domínguez Escudero Fuentes Gallardo Herrera Ibáñez Jiménez Lozano Molina Navarro
    Ortega Pascual Quiroga Rivas Salazar Vega""",
    "it": """Amato Bellini Conti De Santis Esposito Ferrara Gallo Lombardi Marini Negri Orlando Pellegrini Ricci Sartori
    Testa Vitale Zanetti""",
    "nl": """Bakker Claes Dekker Elzinga Faber Groen Hoekstra Jansma Kuiper Linders Mulder Nijhof Postma Smit Timmer
    Verhoeven Wouters Zijlstra""",
    "pt": """Almeida Barbosa Cardoso Dias Esteves Figueira Gomes Lacerda Machado Nogueira Pacheco Queirós Ramalho Sousa
    Teixeira Valente""",
}
TOWN = {
    "en": """Ashcombe Brackenford Caldermouth Dunmorrow Eastwick Farleigh Glenbrae Hartsea Inverdale Kelford Lanwick
    Millbrook Northwold Oakhampton Penhale Ravensby Saltmere Thornbury Upwell Wexcombe Yarrowdale Bristol Leeds Galway
    Dundee Cardiff York Portland Asheville Duluth Halifax Ballarat Dunedin Truro Ludlow Whitby Kendal Sligo Ithaca
    Boulder Fremantle Nelson Stroud Hexham Totnes Lerwick Carmarthen Sherwood Missoula Tampa Winnipeg""",
    "de": """Ahrensfeld Buchau Dornheim Eichstedt Finkenwerth Goslar Hameln Immenried Jena Kempten Lüneburg Marburg
    Neustadt Oberkirch Passau Rottweil Schwerin Tübingen Uelzen Velden Wismar Graz Linz Thun Aarau""",
    "fr": """Annecy Beaune Cahors Dinan Épinal Figeac Guérande Honfleur Issoire Lannion Mende Nevers Orthez Pau Quimper
    Redon Saumur Tulle Uzès Vannes Namur Lausanne""",
    "es": """Albarracín Burgos Cuenca Denia Écija Gijón Huesca Jaca Lugo Mérida Nerja Oviedo Ronda Soria Teruel Úbeda
    Vigo Zamora Rosario Oaxaca""",
    "it": """Asolo Bergamo Cuneo Dozza Empoli Faenza Gubbio Ivrea Lecce Mantova Noto Orvieto Pavia Rieti Savona Trento
    Urbino Viterbo""",
    "nl": """Alkmaar Breda Coevorden Delft Edam Franeker Gouda Hoorn Kampen Leuven Mechelen Naarden Oss Putten Roermond
    Sneek Tiel Venlo Zutphen""",
    "pt": """Aveiro Braga Coimbra Elvas Faro Guarda Lagos Mafra Nazaré Óbidos Paraty Setúbal Tavira Évora Viseu
    Olinda""",
}
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    "pt": "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo",
}
SEASONS = {
    "en": "winter spring summer autumn",
    "de": "Winter Frühling Sommer Herbst",
    "fr": "hiver printemps été automne",
    "es": "invierno primavera verano otoño",
    "it": "inverno primavera estate autunno",
    "nl": "winter voorjaar zomer najaar",
    "pt": "inverno primavera verão outono",
}
LANGUAGE_NAMES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "nl": "Dutch",
    "pt": "Portuguese",
}


def words(table, lang):
    """The words of a language in one of the tables above."""
    return table[lang].split()
