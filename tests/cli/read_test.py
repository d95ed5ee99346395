#!/usr/bin/env python3
"""trawl read from outside: a pile of real formats, some broken, and the parsers of rows and mail beside Python's own.
  TRAWL            the program (default ./trawl)
  TRAWL_TEST_MODEL a small model, for what grep shares; without it that part is skipped
  N_RANDOM         rounds of random inputs (default 60); SEED
read_test.py NAME runs only tests whose name contains NAME."""
import bz2, contextlib, csv, email, email.message, email.policy, glob, gzip, http.server, io, json, mailbox, os, random, shutil
import sqlite3, subprocess, sys, tarfile, tempfile, threading, time, zipfile, zlib

TRAWL = os.path.realpath(os.environ.get("TRAWL", "./trawl"))
MODEL = os.environ.get("TRAWL_TEST_MODEL") and os.path.realpath(os.environ["TRAWL_TEST_MODEL"])
ROUNDS = int(os.environ.get("N_RANDOM", 60))
LIGHT = bool(os.environ.get("TEST_LIGHT"))
SEED = int(os.environ.get("SEED", random.randrange(2**31)))
skipped = set()


class Skip(Exception):
    pass


def run(*args, stdin=b"", command="read", **keywords):
    done = subprocess.run([TRAWL, command, *args], input=stdin, capture_output=True, timeout=120, **keywords)
    done.stderr = done.stderr.decode("utf-8", "replace")
    if done.returncode < 0 or "runtime error" in done.stderr or "Sanitizer" in done.stderr:
        raise AssertionError("it died: %d %s" % (done.returncode, done.stderr[:2000]))
    return done


def objects(done):
    """A line each; other characters that end one for Python are part of a string."""
    return [json.loads(line) for line in done.stdout.decode("utf-8").split("\n")[:-1]]


def records(*args, status=0, stdin=b"", **keywords):
    done = run(*args, stdin=stdin, **keywords)
    assert done.returncode == status, "exit %d, expected %d: %s" % (done.returncode, status, done.stderr)
    return objects(done)


def one(*args, **keywords):
    found = records(*args, **keywords)
    assert len(found) == 1, found
    return found[0]


def trouble(*args, says, **keywords):
    done = run(*args, **keywords)
    assert done.returncode == 2 and says in done.stderr, (done.returncode, done.stderr)
    return objects(done)


def odd(*args, says, **keywords):
    """Told, and no error."""
    done = run(*args, **keywords)
    assert done.returncode != 2 and says in done.stderr, (done.returncode, done.stderr)
    return objects(done)


def write(name, data):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode("utf-8"))
    return name


def equal(got, wanted):
    if got == wanted:
        return
    if isinstance(got, (list, dict)) and type(got) is type(wanted) and len(got) == len(wanted): # where do they differ?
        for key in got if isinstance(got, dict) else range(len(got)):
            equal(got[key], wanted.get(key) if isinstance(wanted, dict) else wanted[key])
    raise AssertionError("got %.500r\nwanted %.500r" % (got, wanted))


# ---- Texts and pages ----

def test_text_and_character_sets():
    text = "Grüße, €5 – “naïve”"
    for name, data in {"utf8.txt": text.encode(), "bom.txt": b"\xef\xbb\xbf" + text.encode(), "cp1252.txt": text.encode("cp1252"),
                       "u16.txt": b"\xff\xfe" + text.encode("utf-16-le"), "u16be.txt": b"\xfe\xff" + text.encode("utf-16-be"),
                       "u32.txt": b"\xff\xfe\0\0" + text.encode("utf-32-le")}.items():
        equal(one(write(name, data)), {"id": name, "text": text, "fields": {}})
    equal(one(write("undefined.txt", b"a\x81b"))["text"], "a\ufffdb")
    long = "!" + "zwölf 😀" * 30000 # more than one buffer, and characters across their ends
    equal(one(write("long.txt", b"\xff\xfe" + long.encode("utf-16-le")))["text"], long)
    equal([r["text"] for r in records("--from", "lines", "long.txt", "u16.txt")], [long, text])
    equal([(r["id"], r["text"]) for r in records("--from", "lines", stdin=b"a\r\n\n  \nb\xfc")],
          [("(standard input):1", "a"), ("(standard input):4", "b\xfc")])


def test_markdown():
    got = one(write("post.md", "---\ntitle: 'A title'\ntags: [a, b]\nnested:\n  - x\n---\n# Heading\n\nText.\n"))
    equal(got, {"id": "post.md", "text": "# Heading\n\nText.\n", "fields": {"title": "A title", "tags": "[a, b]", "nested": ""}})
    equal(one(write("plain.md", "Intro\n\n# Heading one\n"))["fields"], {"title": "Heading one"})
    equal(one(write("rule.md", "---\nno end\n"))["text"], "---\nno end\n")


PAGE = """<!DOCTYPE html><html lang="en"><head><title>A
 page</title><link rel="canonical" href="https://example.org/a/page"><meta name="description" content="About"></head><body>
<header>Site banner</header><nav><a href="/home">Home</a></nav>%s<aside>See also</aside><footer>Imprint</footer></body></html>"""
SENTENCES = "<p>" + "The meeting is on Monday at the town hall. " * 6 + "</p>"


def test_html_main_text():
    for body in ("<main>%s</main><p>other</p>", "<div role=main>%s</div><p>other</p>", "<article>%s</article>", "<div>%s</div>"):
        got = one(write("page.html", PAGE % (body % ("<h1>Head</h1>" + SENTENCES))))
        equal(got["text"], "A page\n\nHead\n\n" + ("The meeting is on Monday at the town hall. " * 6).strip())
        equal(got["fields"], {"title": "A page", "canonical": "https://example.org/a/page", "description": "About", "language": "en"})
    got = one(write("page.html", PAGE % ("<main>" + SENTENCES + "<a href='b'>x</a><a href='#y'>y</a><a href='/c'>z</a></main>")))
    equal(got["fields"]["links"], "https://example.org/a/b\nhttps://example.org/c")
    hero = "<div class=hero><h1>Harbour Ten</h1><p>Sunday 5 October</p></div>"
    body = ("The meeting is on Monday at the town hall. " * 6).strip()
    for page in (PAGE % (hero + "<main>" + SENTENCES + "</main>"), PAGE % (hero + "<article>" + SENTENCES + "</article>"),
                 PAGE.replace("Site banner", "Menu" + hero) % ("<main>" + SENTENCES + "</main>"), PAGE.replace("Site banner", "Menu" + hero) % SENTENCES):
        equal(one(write("hero.html", page))["text"], "A page\n\nHarbour Ten\n\nSunday 5 October\n\n" + body)
    for banner in ("<h1><img src=logo.png></h1>Shop, Blog", "Shop<h1>Brand</h1>" + "<a href=x>Shop, Blog</a> " * 60):
        equal(one(write("banner.html", PAGE.replace("Site banner", banner) % SENTENCES))["text"], "A page\n\n" + body)
    equal(one(write("title.html", "<!doctype html><title> Returns &amp;\n exchanges&nbsp;| A&amp;B </title><p>x"))["fields"], {"title": "Returns & exchanges | A&B"})
    only_menu = "<!doctype html><title>T</title><nav>" + SENTENCES * 2 + "</nav>" # nothing else: then that is what there is
    assert "town hall" in one(write("menu.html", only_menu))["text"]


def test_html_character_sets():
    text = "Zażółć gęślą jaźń"
    page = "<html><head><meta %s><title>x</title></head><body><p>" + text
    for meta, charset in (("charset=iso-8859-2", "iso-8859-2"), ("charset='windows-1250'", "cp1250"),
                          ("http-equiv=Content-Type content='text/html; charset=utf-8'", "utf-8")):
        equal(one(write("meta.html", (page % meta).encode(charset)))["text"], "x\n\n" + text)
    equal(one(write("none.html", "<html><p>d\xe9j\xe0 \x80 vu".encode("latin-1")))["text"], "déjà € vu")


def pdf(pages):
    objects, kids = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"], []
    for text in pages:
        content = b"BT /F1 24 Tf 72 720 Td (" + text.encode() + b") Tj ET" if text else b""
        objects.append(b"<< /Length %d >>\nstream\n" % len(content) + content + b"\nendstream")
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
                       % len(objects))
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    out, offsets = b"%PDF-1.4\n", []
    for i, body in enumerate(objects):
        offsets.append(len(out))
        out += b"%d 0 obj\n" % (i + 1) + body + b"\nendobj\n"
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    return out + table + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))


def need(program):
    if not shutil.which(program):
        raise Skip("no " + program)


def test_pdf():
    need("pdftotext")
    got = records(write("doc.pdf", pdf(["First page", "", "Third page"])))
    equal(got, [{"id": "doc.pdf:1", "text": "First page", "fields": {"page": "1"}},
                {"id": "doc.pdf:3", "text": "Third page", "fields": {"page": "3"}}])
    equal(len(records(stdin=pdf(["Word"] * 300))), 300)
    trouble(write("scan.pdf", pdf(["", ""])), says="scan.pdf: no text on any page")
    trouble(write("broken.pdf", b"%PDF-1.4\nno more"), says="broken.pdf: pdftotext: exit status")
    trouble("doc.pdf", says="there is no program pdftotext: install poppler", env={**os.environ, "PATH": "/nonexistent"})


# ---- Mail, beside Python's email ----

WORDS = ["plain", "Grüße", "naïve", "Łódź", "日本語", "€", "From here", "=3D", "a" * 90, "tab\there", "x=y", "--", "."]


def random_mail(rng, charset_of):
    def text(n):
        return "\n".join(" ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 9))) for _ in range(n)) + "\n"
    def leaf(part, body, subtype):
        charset = charset_of(body)
        part.set_content(body, subtype=subtype, charset=charset, cte=rng.choice(["base64", "quoted-printable", "8bit"]))
    mail = email.message.EmailMessage(policy=email.policy.SMTP if rng.random() < 0.3 else email.policy.default.clone(max_line_length=78))
    mail["From"] = rng.choice(["Zoë Müller <zoe@example.org>", "plain@example.org", '"Quoted, Name" <q@example.org>'])
    mail["To"] = "list@example.org"
    mail["Subject"] = " ".join(rng.choice(WORDS[:6]) for _ in range(rng.randrange(1, 20)))
    mail["Date"] = "Mon, 01 Jan 2024 10:00:00 +0000"
    mail["X-Mark"] = "m%d" % rng.randrange(1000)
    shape = rng.randrange(5)
    body = text(rng.randrange(1, 6))
    if shape == 0:
        leaf(mail, body, "plain")
    elif shape == 1:
        leaf(mail, "<p>" + body.replace(">", "&gt;") + "</p>", "html")
    else:
        leaf(mail, body, "plain")
        if shape >= 3:
            mail.add_alternative("<p>not this</p>", subtype="html")
        if shape in (2, 4):
            mail.add_attachment(rng.randbytes(rng.randrange(200)), maintype="application", subtype="pdf",
                                filename=rng.choice(["a.pdf", "Übersicht vom Mai.pdf"]))
    return mail, body, shape


def test_mail_beside_python():
    rng = random.Random(SEED)
    def charset_of(body):
        for charset in rng.sample(["iso-8859-1", "windows-1252", "iso-2022-jp", "us-ascii", "utf-8"], 5):
            try:
                body.encode(charset)
                return charset
            except UnicodeEncodeError:
                pass
        return "utf-8"
    box = mailbox.mbox("box.mbox")
    wanted = []
    for i in range(ROUNDS):
        mail, body, shape = random_mail(rng, charset_of)
        data = mail.as_bytes()
        write("one.eml", data)
        got = one("one.eml")
        parsed = email.message_from_bytes(data, policy=email.policy.default)
        part = parsed.get_body(("plain", "html"))
        says = part.get_content().replace("\r\n", "\n").rstrip("\n")
        for name in ("From", "To", "Subject", "Date", "X-Mark"):
            equal(got["fields"][name.lower()], str(parsed[name]))
        if shape == 1:
            equal(got["fields"]["body"].split(), body.split())
        else:
            equal(got["fields"]["body"], says)
        equal(got["text"].split("\n\n", 1)[1], got["fields"]["body"])
        attachments = [a.get_filename() for a in parsed.iter_attachments()] if parsed.is_multipart() else []
        equal(got["fields"].get("attachments", ""), "\n".join(attachments))
        box.add(data)
        wanted.append(got["fields"])
    box.flush()
    got = records("box.mbox")
    equal(len(got), len(mailbox.mbox("box.mbox")))
    for i, (a, b) in enumerate(zip(got, wanted)):
        equal(a["id"], "box.mbox:%d" % (i + 1))
        equal(a["fields"], b)


def test_mail_by_hand():
    got = one("--from", "eml", stdin=b"Subject: =?utf-8?q?caf=C3?= =?utf-8?q?=A9?= au =?iso-8859-1*fr?Q?lait_?=\nFROM: a\n b\n"
              b"Content-Type: multipart/mixed; boundary=\"x y\"\n\nignored\n--x y\n\nfirst\n--x y\nContent-Type: message/rfc822\n\n"
              b"Subject: inner\n\nforwarded\n--x y\nContent-Type: application/zip;\n name*0*=utf-8''%C3%BC;\n name*1=.zip\n\n123\n--x y--\nepilogue\n")
    equal(got["fields"], {"subject": "café au lait ", "from": "a b", "attachments": "ü.zip", "body": "first\n\nforwarded"})
    equal(one("--from", "mbox", "--text", "body", stdin=b"From a Mon Jan  1 00:00:00 2024\n\n>From x\n>>From y\n> From\nFrom here\n")["text"],
          "From x\n>From y\n> From\nFrom here")
    deep = b"From: a\nDate: b\n" + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(100)) + b"\nhello"
    run("--from", "eml", stdin=deep)
    trouble("--from", "mbox", stdin=b"Subject: x\n\ny\n", says="no mbox")
    big = b"From: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\nContent-Type: image/png\n\n" + b"QUJD" * 200000 + b"\n" + b"QUJD\n" * 50000 + b"\n--b--\n"
    equal(one("--from", "eml", "--max-size", "64K", stdin=big)["fields"]["body"], "hello") # attachments take no memory


# ---- Rows, beside Python's csv and json ----

CELLS = ["", "a", "two words", 'say "x"', "line\nbreak", "cr\r\nlf", "comma, here", "semi;colon", "tab\tbed", "ü€😀", " lead", '"', "\r", "'", "0"]


def test_csv_beside_python():
    rng = random.Random(SEED)
    for i in range(ROUNDS):
        delimiter = rng.choice([",", ";", "\t"])
        names = ["id"] + ["c%d" % c for c in range(rng.randrange(1, 6))]
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=delimiter, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
                            lineterminator=rng.choice(["\n", "\r\n", "\r"]))
        writer.writerow(names)
        for r in range(rng.randrange(30)):
            writer.writerow(["r%d" % r] + [rng.choice(CELLS) * rng.choice([1, 1, 1, 5000]) for _ in names[1:]])
        wanted = list(csv.DictReader(io.StringIO(out.getvalue(), newline=""), delimiter=delimiter, restval=""))
        write("rows.csv", out.getvalue())
        equal([r["fields"] for r in records("--document", "x", "rows.csv", status=0 if wanted else 1)], wanted)
    for i in range(ROUNDS * 5): # what no writer writes
        text = "h1,h2\n" + "".join(rng.choice(['"', ",", "\n", "\r", "a", " ", '""', '",']) for _ in range(rng.randrange(40)))
        if text.count('"') % 2: # a quote that may not be closed: the one thing that Python does not mind
            text += '"'
        rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
        rows = [row for row in rows if row]
        got = run("--document", "x", "--from", "csv", stdin=text.encode())
        if "ends inside a quoted cell" in got.stderr:
            continue
        got = [list(json.loads(line)["fields"].values()) for line in got.stdout.decode().splitlines()]
        equal([row + [""] * (2 - len(row)) for row in rows], got)


def test_csv_by_hand():
    rows = records(write("r.csv", "id,title,body\n1,A,x\n\n2,B\n3,C,y,z\n"), "--document", "{title}\\n{{{body}}}{none}")
    equal([r["text"] for r in rows], ["A\n{x}", "B\n{}", "C\n{y}"])
    equal(rows[2]["fields"], {"id": "3", "title": "C", "body": "y", "column4": "z"})
    equal([r["id"] for r in rows], ["r.csv:1", "r.csv:2", "r.csv:3"])
    equal(records("r.csv")[1]["text"], "id: 2\ntitle: B\n")
    equal([r["text"] for r in records("--text", "title", "--id", "id", "r.csv")], ["A", "B", "C"])
    trouble("--text", "titel", "r.csv", says="--text: there is no column 'titel'; there are id, title, body")
    equal(len(trouble(write("cut.csv", 'id,b\n1,x\n2,"cut'), says="cut.csv:2: the input ends inside a quoted cell")), 1)
    equal(one(write("l.csv", "text\ncaf\xe9\n".encode("latin-1")))["text"], "café")
    equal(one(write("u.csv", b"\xff\xfe" + "text\tb\ncafé\tx\n".encode("utf-16-le")))["text"], "café")
    got = trouble(write("big.csv", "text\nsmall\n" + "x" * 300000 + "\nafter\n"), "--max-size", "100K", says="big.csv:2: a row of more than")
    equal([r["text"] for r in got], ["small", "after"])
    trouble("--document", "{a", "r.csv", says="--document: '{a': a brace begins")
    trouble("--document", "a}", "r.csv", says="nothing to close")


def random_value(rng, depth):
    kind = rng.randrange(8 if depth < 3 else 6)
    if kind < 3:
        return "".join(rng.choice(["a", "\n", '"', "\\", "/", "\u20ac", "😀", "\x1f", "\x7f", " "]) for _ in range(rng.randrange(12)))
    if kind == 3:
        return rng.choice([0, -1, 1e300, 1.5, 12345678901234567890])
    if kind < 6:
        return rng.choice([True, False, None])
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {"k%d" % i: random_value(rng, depth + 1) for i in range(rng.randrange(4))}


def as_field(value):
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def test_jsonl_beside_python():
    rng = random.Random(SEED)
    objects = [{**{rng.choice(["a", "b é", "c\n", "", "d"]): random_value(rng, 0) for _ in range(rng.randrange(6))}, "last": "x"}
               for _ in range(ROUNDS * 5)]
    lines = "".join(json.dumps(o, ensure_ascii=rng.random() < 0.5) + rng.choice(["\n", "\r\n", "\n\n"]) for o in objects)
    got = records(write("r.jsonl", lines))
    equal(len(got), len(objects))
    for g, o in zip(got, objects):
        fields = {k: json.dumps(json.loads(v)) if not isinstance(o[k], str) and v else v for k, v in g["fields"].items()}
        equal(fields, {k: as_field(v) for k, v in o.items()})
    pieces = ['{"a":', '"x"', "}", "{", "[", "]", ",", ":", "1", "-", "0", ".5", "e3", "true", "nul", "null", '"\\u12', '"\\x"', '"', "\t", " ",
              '{"a": 1}', '"\\ud83d\\ude00"', "NaN", "-Infinity", "01", '"\x1f"', '"\x7f"']
    broken = 0
    for i in range(ROUNDS * 20): # both take the same texts
        text = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 7)))
        if not text.strip():
            continue
        try:
            value = json.loads(text)
            good = isinstance(value, (dict, str))
        except ValueError:
            good, broken = False, broken + 1
        write("t.jsonl", text + "\n" + '{"text": "sentinel"}')
        got = run("--document", "x", "t.jsonl")
        equal((text, len(got.stdout.splitlines())), (text, 1 + good))
        if i > ROUNDS * 2 and LIGHT:
            break
    assert broken


def test_jsonl_by_hand():
    got = trouble(write("m.jsonl", '{"text": "a"}\nbroken\n"only text"\n[1]\n{"t": "b"}\n' + '{"text": "' + "x" * 200000 + '"}\n{"a": 1, "a": 2}\n'),
                  "--max-size", "100K", says="m.jsonl:2: not JSON at byte 1: a value was expected")
    equal([(r["id"], r["text"]) for r in got], [("m.jsonl:1", "a"), ("m.jsonl:3", "only text"), ("m.jsonl:5", "t: b\n"), ("m.jsonl:7", "a: 2\n")])
    equal(one("--from", "jsonl", stdin=b'{"id": 12345678901234567890, "n": 1.10, "x": [1, {"a" : "\\u00e9"}] , "y":{}, "a": null}\n')["fields"],
          {"id": "12345678901234567890", "n": "1.10", "x": '[1, {"a" : "\\u00e9"}]', "y": "{}", "a": ""})
    equal(one(write("s.jsonl", '{"text": "\\ud800 \\u0041"}\n'))["text"], "\ufffd A")
    trouble("--from", "jsonl", stdin=b'{"a": ' + b"[" * 100000, says="nested too deeply")
    equal(one("--from", "jsonl", "--id", "url", "--text", "b", stdin=b'{"url": "u", "b": "c"}\n'), {"id": "u", "text": "c", "fields": {"url": "u", "b": "c"}})
    trouble("--from", "jsonl", "--text", "b", stdin=b'{"url": "u"}\n', says="(standard input):1: it has no field 'b' (--text)")
    odd("--from", "jsonl", stdin=b'{"text": "a\\u0000b"}\n', says="binary")
    equal(one(stdin=b'{"text": "recognised"}\n')["text"], "recognised")


# ---- Feeds, databases ----

RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>The feed</title><item><title>One &amp; only</title><link>http://e.org/1</link><guid>g1</guid><dc:creator>Ann</dc:creator>
<description>short</description><content:encoded><![CDATA[<p>The <b>whole</b> text</p><script>x</script>]]></content:encoded>
<category>a</category><category>b</category><pubDate>Mon, 01 Jan 2024</pubDate></item><item><title>Two</title><description>&lt;i&gt;it&lt;/i&gt;</description></item>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title><entry><title>E</title><link rel="self" href="http://e.org/self"/>
<link rel="alternate" href="http://e.org/e"/><author><name>Bob</name><email>b@e.org</email></author><updated>2024-01-01</updated><id>i</id>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>one</p><p>two</p></div></content></entry></feed>"""


def test_feeds():
    wanted = {"id": "f.rss:1", "text": "One & only\n\nThe whole text",
              "fields": {"title": "One & only", "link": "http://e.org/1", "guid": "g1", "author": "Ann", "category": "a\nb",
                         "date": "Mon, 01 Jan 2024", "feed": "The feed"}}
    got = records(write("f.rss", RSS + "</channel></rss>"))
    equal(got[0], wanted)
    equal(got[1]["text"], "Two\n\nit")
    equal(len(trouble(write("cut.xml", RSS + "<item><title>cu"), says="cut.xml: the feed is damaged or cut off")), 2)
    equal(one(write("f.atom", ATOM)), {"id": "f.atom:1", "text": "E\n\none\n\ntwo", "fields": {
        "title": "E", "link": "http://e.org/e", "author": "Bob", "date": "2024-01-01", "guid": "i", "feed": "F"}})
    laughs = '<!DOCTYPE rss [<!ENTITY a "ha">' + "".join('<!ENTITY a%d "%s">' % (i, "&a%s;" % (i - 1 or "") * 10) for i in range(1, 10)) + "]>"
    run(write("bomb.rss", '<?xml version="1.0"?>' + laughs + "<rss><channel><item><title>x&a9;</title></item></channel></rss>"))
    got = one(write("file.rss", '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY f SYSTEM "f.atom">]><rss><channel><item><title>t</title>'
                    "<description>&f;</description></item></channel></rss>"))
    assert "Bob" not in json.dumps(got), got


def test_sqlite():
    with sqlite3.connect("one.db") as db:
        db.execute("CREATE TABLE \"my notes\" (id INTEGER, note TEXT, blob BLOB)")
        db.executemany("INSERT INTO \"my notes\" VALUES (?, ?, ?)", [(1, "first", b"\0\xff"), (2, "zwei ü", b"text"), (3, None, None)])
    db.close()
    rows = records("one.db")
    if not rows:
        return
    equal([r["fields"] for r in rows], [{"id": "1", "note": "first", "blob": ""}, {"id": "2", "note": "zwei ü", "blob": "text"},
                                        {"id": "3", "note": "", "blob": ""}])
    equal(records("--query", "SELECT note AS t, id * 2 AS k FROM \"my notes\" WHERE note NOT NULL ORDER BY id DESC", "--text", "t", "--id", "k", "one.db"),
          [{"id": "4", "text": "zwei ü", "fields": {"t": "zwei ü", "k": "4"}}, {"id": "2", "text": "first", "fields": {"t": "first", "k": "2"}}])
    before = open("one.db", "rb").read()
    trouble("--query", "DELETE FROM \"my notes\"", "one.db", says="only a SELECT is run")
    trouble("--query", "SELECT 1; SELECT 2", "one.db", says="one statement")
    trouble("--query", "SELECT nowhere", "one.db", says="no such column")
    trouble("--query", "ATTACH 'new.db' AS n", "one.db", says="one.db")
    equal(open("one.db", "rb").read(), before)
    with sqlite3.connect("two.db") as db:
        db.execute("CREATE TABLE a (x)")
        db.execute("CREATE TABLE b (x)")
    db.close()
    trouble("two.db", says="which rows? --query 'SELECT ... FROM ...'; there are a, b")
    trouble(write("cut.db", before[:3000]), says="cut.db: SQLite: ")


# ---- Archives, directories, lists, filters ----

def tar_of(members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if isinstance(data, bytes):
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            else:
                info.type, info.linkname = data
                tar.addfile(info)
    return out.getvalue()


def test_packed():
    equal(one(write("a.txt.gz", gzip.compress(b"text"))), {"id": "a.txt.gz", "text": "text", "fields": {}})
    equal(one(stdin=bz2.compress(b"text"))["text"], "text")
    equal(one(write("r.csv.gz", gzip.compress(b"text,b\nx,y\n")))["fields"], {"text": "x", "b": "y"})
    equal(len(one(write("two.gz", gzip.compress(b"a") + gzip.compress(b"b")))["text"]), 2)
    if shutil.which("zstd"):
        equal(one(write("a.zst", subprocess.run(["zstd", "-q", "-c"], input=b"packed", capture_output=True).stdout))["text"], "packed")
        wide = subprocess.run(["zstd", "-q", "-c", "--long=27"], input=b"packed", capture_output=True).stdout # a pipe: of unknown size
        trouble(stdin=wide, says="a window of 128 MiB, and unpacking may take 32")
    hostile = [("../../up.txt", b"up"), ("/etc/passwd", b"root"), ("link", (tarfile.SYMTYPE, "/etc/passwd")), ("hard", (tarfile.LNKTYPE, "/etc/passwd")),
               ("dir/page.html.gz", gzip.compress(b"<html><p>hi")), ("inner.tgz", tar_of([("deep.csv", b"text\nrow\n")], "w:gz")), ("fifo", (tarfile.FIFOTYPE, "")),
               ("empty.txt", b""), ("n\xf6.txt", b"name")]
    got = records(write("all.tar.gz", tar_of(hostile, "w:gz")))
    equal([(r["id"], r["text"]) for r in got],
          [("all.tar.gz/../../up.txt", "up"), ("all.tar.gz//etc/passwd", "root"), ("all.tar.gz/dir/page.html.gz", "hi"),
           ("all.tar.gz/inner.tgz/deep.csv:1", "row"), ("all.tar.gz/empty.txt", ""), ("all.tar.gz/n\xf6.txt", "name")])
    equal(run("all.tar.gz").stderr, "")
    assert not os.path.exists("../../up.txt")
    with zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a.txt", "zipped")
        z.writestr("b/c.jsonl", '{"text": "line"}\n')
    equal([(r["id"], r["text"]) for r in records("z.zip")], [("z.zip/a.txt", "zipped"), ("z.zip/b/c.jsonl:1", "line")])
    shutil.copy("z.zip", "book.epub")
    equal(odd("book.epub", says="book.epub: binary"), [])
    packed = open("all.tar.gz", "rb").read()
    assert "damaged or cut off" in run(write("cut.tar.gz", packed[:len(packed) // 2])).stderr
    nested = b"core"
    for _ in range(6):
        nested = tar_of([("inner.tar", nested)])
    trouble("-", stdin=nested, says="archives in archives")
    equal(records("two.gz", "a.txt.gz")[1]["text"], "text") # after one archive comes the next input


def test_bomb():
    if LIGHT:
        raise Skip("a bomb takes long in a slow build")
    squeeze = zlib.compressobj(6, zlib.DEFLATED, 31)
    block = b" " * (1 << 24)
    data = b"".join([squeeze.compress(block) for _ in range(20)]) + squeeze.flush() # 320 MiB from 0.3 MB
    trouble("--from", "lines", "--max-size", "1M", stdin=data, says="unpacks to more than 500 times its size")
    trouble("--from", "text", "--max-size", "1M", stdin=data, says="more than 1.0 MiB")


def test_directories_and_lists():
    for name in ("d/a.txt", "d/b.md", "d/sub/c.txt", "d/sub/.hidden", "e/x y.txt"):
        write(name, "text of " + name)
    equal([r["id"] for r in records("d")], ["d/a.txt", "d/b.md", "d/sub/.hidden", "d/sub/c.txt"])
    equal([r["id"] for r in records("--include", "*.txt", "d", "e")], ["d/a.txt", "d/sub/c.txt", "e/x y.txt"])
    equal([r["id"] for r in records("--exclude", "*.txt", "d")], ["d/b.md", "d/sub/.hidden"])
    equal([r["id"] for r in records("--files-from", "-", "d/b.md", stdin=b"e/x y.txt\n\nd/sub")],
          ["d/b.md", "e/x y.txt", "d/sub/.hidden", "d/sub/c.txt"])
    equal([r["id"] for r in records("-z", "--files-from", write("list", b"e/x y.txt\0d/a.txt\0"))], ["e/x y.txt", "d/a.txt"])
    trouble("--files-from", "none", says="none: No such file")
    equal(len(trouble("d", "missing", "e", says="missing: No such file or directory")), 5)
    equal(run("-s", "missing").stderr, "")
    equal(run(write("nothing.csv", "a,b\n")).returncode, 1)
    trouble("--from", "parquet", "d", says="--from: 'parquet' is not one of: pdf")
    done = subprocess.run("%s read d e | head -n 1" % TRAWL, shell=True, capture_output=True)
    assert done.stderr == b"", done.stderr


def test_filter():
    big = os.urandom(1 << 19).hex()
    equal(one("--filter", "tr a-f A-F", stdin=big.encode())["text"], big.upper())
    equal(one("--filter", 'echo "<html><title>$TRAWL_FILE</title>"', write("some file.bin", b"\0\1\2" * 100000))["fields"], {"title": "some file.bin"})
    got = trouble("--filter", 'grep -q bad && { echo "it is bad" >&2; exit 3; } || echo good', write("f1", "good"), write("f2", "bad"),
                  says="f2: --filter: exit status 3: it is bad")
    equal(got[0]["text"], "good\n")
    trouble("--filter", "kill -9 $$", "f1", says="was ended by signal 9")
    trouble("--filter", "nosuchprogram", "f1", says="exit status 127")
    trouble("--filter", "yes", "--max-size", "1M", "f1", says="f1: a document of more than 1.0 MiB") # and it is ended
    equal([r["text"] for r in records("--filter", "cat", write("f.tar", tar_of([("a", b"one"), ("b", b"two")])))], ["one", "two"])


@contextlib.contextmanager
def server(answers):
    """Answers are {path: function of the handler that gives (status, headers, body)}. Yields the address and the list of requests."""
    seen = []
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((time.monotonic(), self.path, dict(self.headers)))
            status, headers, body = answers.get(self.path, lambda h: (404, {}, b"none"))(self)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", len(body))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)
        def log_message(self, *args):
            pass
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        yield "http://127.0.0.1:%d" % web.server_port, seen
    finally:
        web.shutdown()
        web.server_close()


def test_fetch():
    if "built without libcurl" in run("--fetch", "http://127.0.0.1:1/").stderr:
        raise Skip("built without libcurl")
    changed = {"etag": '"1"'}
    def page(handler):
        if handler.headers["If-None-Match"] == changed["etag"]:
            return 304, {"ETag": changed["etag"]}, b""
        body = b"<html><title>T</title><p>version %s <a href='x/y'>z</a>" % changed["etag"].encode()
        return 200, {"ETag": changed["etag"], "Content-Type": "text/html"}, body
    busy = []
    def sometimes(handler):
        busy.append(1)
        return (503, {"Retry-After": "1"}, b"") if len(busy) == 1 else (200, {}, b"at last")
    robots = b"User-agent: other\nDisallow: /\n\nUser-Agent: Trawl # us\nUser-agent: x\nDisallow: /private\nAllow: /private/open$\nDisallow: /*.php\nDisallow:\nAllow: /tie\nDisallow: /tie\n"
    with server({"/robots.txt": lambda h: (200, {}, robots), "/p": page, "/data.csv?q=1": lambda h: (200, {}, b"text\na row\n"),
                 "/to": lambda h: (302, {"Location": "/p"}, b""), "/loop": lambda h: (302, {"Location": "/loop"}, b""),
                 "/file": lambda h: (302, {"Location": "file:///etc/passwd"}, b""), "/hidden": lambda h: (302, {"Location": "/private/x"}, b""),
                 "/private/open": lambda h: (200, {}, b"open"), "/tie": lambda h: (200, {}, b"tie"), "/big": lambda h: (200, {}, b"x" * 200000), "/busy": sometimes,
                 "/packed": lambda h: (200, {"Content-Encoding": "gzip"}, gzip.compress(b"packed text"))}) as (host, seen):
        env = {**os.environ, "XDG_CACHE_HOME": os.path.abspath("cache")}
        def get(*paths, **keywords):
            return [r["text"] for r in records("--fetch", "--fetch-delay", "0", *[host + p for p in paths], env=env, **keywords)]
        trouble(host + "/p", says="an address is only read with --fetch", env=env)
        equal(len(seen), 0)
        got = one("--fetch", "--fetch-delay", "0", host + "/p", env=env)
        equal((got["id"], got["text"], got["fields"]["links"]), (host + "/p", 'T\n\nversion "1" z', host + "/x/y"))
        equal([path for _, path, _ in seen], ["/robots.txt", "/p"])
        assert seen[1][2]["User-Agent"].startswith("trawl/"), seen[1]
        equal(get("/p"), ['T\n\nversion "1" z']) # from the cache: not even robots.txt is asked for
        equal(len(seen), 2)
        def age(): # two days pass
            for name in glob.glob("cache/trawl/pages/*"):
                head, body = open(name, "rb").read().split(b"\n", 3), None
                head[2] = b"%d" % (int(head[2]) - 2 * 86400)
                write(name, b"\n".join(head))
        age()
        equal(get("/p"), ['T\n\nversion "1" z'])
        equal(seen[-1][2].get("If-None-Match"), '"1"')
        equal(get("/p"), ['T\n\nversion "1" z']) # what is still so is fresh again
        equal(len(seen), 4)
        age()
        changed["etag"] = '"2"'
        equal(get("/p"), ['T\n\nversion "2" z'])
        equal(get("/data.csv?q=1", "/to", "/private/open", "/packed", "/tie"),
              ["a row", 'T\n\nversion "2" z', "open", "packed text", "tie"])
        equal(records("--from", "lines", "--files-from", "-", "--fetch", "--fetch-delay", "0", stdin=(host + "/packed\n").encode(), env=env)[0]["text"], "packed text")
        before = len(seen)
        for path, says in (("/private/x", "robots.txt asks programs to stay away"), ("/a.php?b", "robots.txt asks"), ("/hidden", "robots.txt asks"),
                           ("/none", "HTTP status 404"), ("/loop", "more than 5 redirects"), ("/file", "redirected to file:///etc/passwd"),
                           ("/big", "more than 0.1 MiB")):
            trouble("--fetch", "--fetch-delay", "0", "--max-size", "100K", host + path, says=host + path + ": ", env=env)
            assert says in run("--fetch", "--fetch-delay", "0", "--max-size", "100K", host + path, env=env).stderr, path
        equal([path for _, path, _ in seen[before:] if "private" in path or "php" in path], [])
        equal(get("/busy"), ["at last"])
        times = [at for at, path, _ in seen if path == "/busy"]
        assert times[1] - times[0] >= 1, times
        before = len(seen)
        records("--fetch", "--fetch-delay", "0.4", host + "/nowhere", host + "/private/open?1", status=2, env=env)
        times = [at for at, _, _ in seen[before:]]
        equal(len(times), 3 - 1) # robots.txt, and the one that may be fetched
        assert times[1] - times[0] >= 0.4, times
    with server({"/robots.txt": lambda h: (500, {}, b"")}) as (host, seen):
        trouble("--fetch", host + "/p", says="its host's robots.txt: HTTP status 500", env=env)
    trouble("--fetch", "http://127.0.0.1:1/p", says="its host's robots.txt: ", env=env)


def test_libcurl_is_loaded_for_fetching_only():
    if not sys.platform.startswith("linux"):
        raise Skip("no /proc")
    if "built without libcurl" in run("--fetch", "http://127.0.0.1:1/").stderr:
        raise Skip("built without libcurl")
    for options in ((), ("--fetch",)):
        with subprocess.Popen([TRAWL, "read", *options, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading:
            reading.stdin.write(b"a line\n" * 100000) # more than a pipe holds: it is read by a program that has begun
            reading.stdin.flush()
            with open("/proc/%d/maps" % reading.pid, encoding="utf-8") as maps:
                equal("libcurl" in maps.read(), bool(options))
            reading.communicate()
    for name in "libcurl.so.4", "libcurl-gnutls.so.4":
        write("broken/" + name, b"")
    env = {**os.environ, "LD_LIBRARY_PATH": os.path.abspath("broken")}
    equal(trouble("--fetch", write("here.txt", "text"), says="--fetch: libcurl cannot be loaded: " + env["LD_LIBRARY_PATH"], env=env), [])
    equal(one("here.txt", env=env)["text"], "text")


def test_odd_documents():
    """Empty and binary ones are told or seen, and are no errors."""
    equal(one(write("empty", b"")), {"id": "empty", "text": "", "fields": {}})
    equal(one(write("blank", b" \n\t\n"))["text"], " \n\t\n")
    equal(run(write("bin", bytes(range(256)))).returncode, 1)
    equal(odd("bin", "empty", says="bin: binary, of no kind that is known"), records("empty"))
    equal(odd("--from", "text", "bin", says="bin: binary: there are NUL bytes in it"), [])
    trouble(write("large.txt", b"x" * 200000), "--max-size", "100K", says="large.txt: a document of more than 0.1 MiB")
    odd(write("late", b"x" * 200000 + b"\0"), says="late: binary")


def test_damage():
    """Whatever is cut off or changed, the program ends by itself and says what it has."""
    rng = random.Random(SEED)
    mail = random_mail(rng, lambda body: "utf-8")[0].as_bytes()
    pile = {"a.html": (PAGE % ("<main>" + SENTENCES)).encode(), "a.eml": mail, "a.mbox": b"From a 2024\n" + mail + b"\nFrom b 2024\n" + mail,
            "a.csv": b'a,b\n"x ""y""\n",2\n' * 20, "a.jsonl": b'{"a": "\\u00e9\\n", "b": [1, {"c": null}]}\n' * 5, "a.rss": RSS.encode(),
            "a.atom": ATOM.encode(), "a.tgz": tar_of([("x.csv", b"a,b\n1,2\n"), ("y.html", b"<html>y")], "w:gz"),
            "a.md": b"---\na: b\n---\n# c\nd", "a.txt": "zwölf".encode("utf-16"), "a.tar": tar_of([("x.csv", b"a,b\n1,2\n")])}
    for i in range(ROUNDS):
        for name, data in pile.items():
            data = bytearray(data[:rng.randrange(len(data) + 1)] if rng.random() < 0.4 else data)
            for _ in range(rng.randrange(6) if data else 0):
                data[rng.randrange(len(data))] = rng.randrange(256)
            write("damaged/" + name, bytes(data))
        objects(run("damaged"))


def test_flat_memory():
    """200,000 rows, and as many members of an archive as a tape: no more memory than a few."""
    if LIGHT:
        raise Skip("memory of a checked build says nothing")
    def peak(*args, feed):
        process = subprocess.Popen([TRAWL, "read", *args], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for chunk in feed:
            process.stdin.write(chunk)
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        assert status == 0, status
        return usage.ru_maxrss
    few = peak("--from", "csv", feed=[b"id,text\n"] + [b"1,some words to be read\n"] * 10)
    row = b"1,some words to be read\n" * 1000
    many = peak("--from", "csv", feed=[b"id,text\n"] + [row] * 200)
    assert many < few + 2048, (few, many)
    member = tar_of([("m.txt", b"some words")])[:1024]
    few = peak(feed=[member] * 10 + [b"\0" * 1024])
    many = peak(feed=[member * 1000] * 30 + [b"\0" * 1024])
    assert many < few + 2048, (few, many)


def test_grep_reads_the_same():
    if not MODEL:
        raise Skip("TRAWL_TEST_MODEL names no model")
    def grep(*args, **keywords):
        done = run("--threshold", "0", "--model=" + MODEL, "--memory", "256M", "q", *args, command="grep", **keywords)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()
    write("a.txt.gz", gzip.compress(b"one\ntwo\n"))
    write("t.tar", tar_of([("x.html", b"<html><p>hi"), ("y.txt", b"ho\n"), ("bin", b"\0\1")]))
    equal(grep("a.txt.gz"), "one\ntwo\n")
    equal(grep("-n", "a.txt.gz", "t.tar"), "a.txt.gz:1:one\na.txt.gz:2:two\nt.tar/x.html:1:hi\nt.tar/y.txt:1:ho\n")
    equal(grep("-l", "t.tar"), "t.tar/x.html\nt.tar/y.txt\n")
    equal(grep("--raw", "-c", "-a", "a.txt.gz").strip().isdigit(), True)
    equal(grep("--files-from", "-", "-c", stdin=b"a.txt.gz\n"), "a.txt.gz:2\n")
    equal(grep("--filter", "tr o 0", "a.txt.gz"), "0ne\ntw0\n")
    if shutil.which("pdftotext"):
        write("doc.pdf", pdf(["First page", "Second page"]))
        equal(grep("-u", "paragraph", "doc.pdf"), "First page\n\nSecond page\n")
        equal(grep("-l", "doc.pdf"), "doc.pdf\n")
    else:
        skipped.add("PDF in grep (no pdftotext)")


def main():
    print("read_test: seed %d" % SEED)
    passed = failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and sys.argv[1] not in name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                test()
                passed += 1
            except Skip as why:
                skipped.add("%s (%s)" % (name[5:], why))
            except Exception as error:
                failed += 1
                at = error.__traceback__
                while at.tb_next:
                    if at.tb_frame.f_code.co_name == name:
                        break
                    at = at.tb_next
                print("FAILED: %s, line %d: %s %s" % (name, at.tb_lineno, type(error).__name__, error))
            os.chdir("/")
    for what in sorted(skipped):
        print("skipped: " + what)
    print("read_test: %d passed, %d failed, %d skipped" % (passed, failed, len(skipped)))
    return failed > 0


sys.exit(main())
