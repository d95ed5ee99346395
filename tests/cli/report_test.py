#!/usr/bin/env python3
"""The HTML report: that nothing in a document is ever markup or script, and, in a browser without a screen, that 10,000 rows are
sorted, filtered and reviewed with the keyboard, that verdicts outlive a reload, and that `trawl eval` reads what is saved.

TRAWL names the program, TRAWL_BUILD the folder of the build. Without Chromium (Debian: chromium) what needs it is skipped.
  report_test.py --shots FOLDER    also leaves pictures of the page there, light and dark"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from browser import Browser, find_browser  # noqa: E402

ROOT = os.path.join(HERE, "..", "..")
TRAWL = os.path.realpath(os.environ.get("TRAWL", os.path.join(ROOT, "trawl")))
MAKE_REPORT = os.path.join(os.environ.get("TRAWL_BUILD", os.path.join(ROOT, "build/release")), "tests/tools/make_report")
N_ROWS = 10000
passed = failed = 0


def ok(what, good, shown=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED: {what}\n{str(shown)[:600]}")
    return good


def equal(what, got, expected):
    return ok(what, got == expected, f"got {got!r}\nexpected {expected!r}")


def make(path, n_rows, *more):
    subprocess.run([MAKE_REPORT, path, str(n_rows), *more], check=True)
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def rows_of(page):
    block = page.split('id="trawl-rows">\n')[1]
    return [json.loads(line) for line in block.split("</script>")[0].split("\n") if line.startswith("[")]


# ---- Without a browser ----


def test_file():
    page = make("small.html", 20)
    equal("scripts begin", page.count("<script"), 3)
    equal("and end", page.count("</script"), 3)
    head, data = page.split('<script type="application/json"')
    equal("no other element in the data", sorted(set(re.findall(r"<[^\n>]*", data))),
          ["</body", "</html", "</script", '<script type="application/jsonl" id="trawl-rows"'])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', head).group(1)
    for name in ("style", "script"):
        text = re.search(rf"<{name}>(.*?)</{name}>", head, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        ok(f"the policy names the {name}", f"{name}-src 'sha256-{digest}'" in policy, policy)
    ok("nothing else may be loaded", policy.startswith("default-src 'none'"), policy)
    ok("nothing from outside", not re.search(r"src=|@import|url\(|<link", head), head[:300])
    rows = rows_of(page)
    equal("rows", len(rows), 20)
    equal("bytes that are not UTF-8 and NUL", rows[3][10],
          "line\nbreaks\r\nand\ttabs, \x01 control, \x7f, nul \0 and \udcff bytes, \u2028 U+2028")
    equal("a cell that was not asked is null", rows[7][5:7], [None, None])
    cut = make("cut.html", 20, "cut")
    equal("a cut file is the beginning of the whole one", page[:len(cut)], cut)
    equal("with all rows", rows_of(cut), rows)
    done = subprocess.run([MAKE_REPORT, "/dev/full", "9"], capture_output=True, text=True)
    if os.path.exists("/dev/full"):
        ok("full disk", done.returncode == 1 and "/dev/full: write error: No space left" in done.stderr, done.stderr)


# ---- In one ----

SEEN = """[...document.querySelectorAll('.row:not([hidden])')].sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex'))
    .map((row) => [...row.children].map((cell) => cell.textContent))"""
CURRENT = "[...document.querySelector('.row.current:not([hidden])').children].map((cell) => cell.textContent)"
STATUS = "document.querySelector('.status').textContent"
COUNTS = "[...document.querySelectorAll('.segments b')].map((b) => b.textContent.replaceAll(',', ''))"
FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


def settle(browser):
    browser.run(FRAME)


def seen(browser):
    settle(browser)
    return browser.run(SEEN)


def click_heading(browser, name):
    browser.run(f"""[...document.querySelectorAll('.names button')].find((b) => b.firstChild && b.firstChild.textContent === {name!r}).click()""")


def set_range(browser, low, high):
    browser.run(f"""(() => {{
        const [a, b] = document.querySelectorAll('.sliders input');
        a.value = 0; b.value = {high}; b.dispatchEvent(new Event('input'));
        a.value = {low}; a.dispatchEvent(new Event('input'));
    }})()""")


def troubles(browser):
    browser.run("1")
    return [event["params"] for event in browser.events
            if event["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]


def test_hostile(browser, rows):
    equal("no error and no complaint", troubles(browser), [])
    requests = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    ok("only the file was asked for", all(url.startswith("file://") for url in requests) and len(requests) == 1, requests)
    equal("no image, frame or script came to life",
          browser.run("[document.images.length, document.querySelectorAll('iframe, object, embed').length, document.scripts.length]"), [0, 0, 3])
    title = "Events & </title><script>pages"
    equal("the title", browser.run("document.title"), title)
    settle(browser)
    for i in range(8):
        text = browser.run("document.querySelector('.detail .text').textContent")
        equal(f"hostile text {i} is shown as it is", text, rows[i][10].replace("\udcff", "\ufffd") if i != 3 else text)
        equal(f"and in its row {i}", browser.run(CURRENT)[-1], browser.run("document.querySelector('.detail .text').textContent"))
        browser.keys("j")
        settle(browser)
    equal("nothing ran", browser.run("document.title"), title)
    links = browser.run("[...document.links].map((link) => link.protocol)")
    ok("links are of the web", all(protocol == "https:" for protocol in links), links)
    browser.run("""(() => {
        const script = document.createElement('script');
        script.textContent = "document.title = 'hacked'";
        document.body.append(script);
        const image = document.createElement('div');
        image.innerHTML = '<img src=x onerror="document.title = 1">';
        document.body.append(image);
        setTimeout(() => { script.remove(); image.remove(); }, 200);
    })()""")
    time.sleep(0.4)
    equal("the policy stops even what is put into the page", browser.run("document.title"), title)
    browser.events.clear()
    browser.keys("Home")


def test_keys(browser, rows):
    settle(browser)
    ok("few rows exist", 20 <= browser.run("document.querySelectorAll('.row').length") <= 60)
    browser.keys("j", "ArrowDown", "j", "k")
    settle(browser)
    equal("j and k", browser.run(CURRENT)[1], rows[2][0])
    browser.keys("End")
    settle(browser)
    equal("the last of 10,000", browser.run(CURRENT)[1], rows[-1][0])
    ok("still few rows", browser.run("document.querySelectorAll('.row').length") <= 60)
    browser.keys("PageUp", "k")
    settle(browser)
    ok("a page up", 15 < N_ROWS - 1 - int(browser.run(CURRENT)[1][6:11]) < 40, browser.run(CURRENT))
    browser.keys("g")
    browser.keys("y", "n", "u", "y", "y")
    settle(browser)
    equal("verdicts go down the list", browser.run(CURRENT)[1], rows[5][0])
    equal("and are counted", browser.run(COUNTS), [str(N_ROWS), str(N_ROWS - 5), "3", "1", "1"])
    equal("and shown", [row[0] for row in seen(browser)[:6]], ["✓", "✗", "?", "✓", "✓", ""])
    browser.keys("z")
    settle(browser)
    equal("undo goes back", (browser.run(CURRENT)[1], browser.run(COUNTS)[2]), (rows[4][0], "2"))
    browser.keys("k", "x")
    settle(browser)
    equal("x takes one away", browser.run(COUNTS), [str(N_ROWS), str(N_ROWS - 3), "1", "1", "1"])
    browser.keys("l")
    settle(browser)
    equal("the next question", browser.run("document.querySelector('.question b').textContent"), "free")
    equal("has its own verdicts", browser.run(COUNTS)[1:], [str(N_ROWS), "0", "0", "0"])
    browser.keys("n", "h")
    settle(browser)
    equal("back", browser.run(COUNTS)[1:], [str(N_ROWS - 3), "1", "1", "1"])
    browser.keys("?")
    ok("help opens", browser.run("document.querySelector('dialog').open"))
    browser.keys("Escape")
    browser.wait("!document.querySelector('dialog').open", "help closes")
    ok("no trouble", troubles(browser) == [], troubles(browser))


def test_filters(browser, rows):
    browser.keys("/")
    ok("/ goes to the filter", browser.run("document.activeElement.id") == "filter")
    browser.send("Input.insertText", text='brass "pages/0012"')
    browser.keys("Enter")
    settle(browser)
    expected = [row[0] for row in rows if "brass" in row[10] and row[0].startswith("pages/0012")]
    equal("a word and a phrase", [row[1] for row in seen(browser)], expected)
    settle(browser)
    ok("words are marked", browser.run("document.querySelector('.text mark').textContent") == "brass")
    browser.keys("y")
    settle(browser)
    equal("keys work at once", browser.run(COUNTS)[2], "2")
    browser.keys("z", "Escape")
    settle(browser)
    ok("Escape clears", browser.run(STATUS).endswith(f"of {N_ROWS:,} documents"), browser.run(STATUS))
    set_range(browser, 0.4, 0.6)
    wanted = [row for row in rows if 0.4 <= row[4] <= 0.6]
    settle(browser)
    ok("a range of probability", f"of {len(wanted):,}, of {N_ROWS:,}" in browser.run(STATUS), browser.run(STATUS))
    browser.keys("l")
    set_range(browser, 0.5, 1)
    both = [row for row in wanted if row[6] is not None and row[6] >= 0.5]
    settle(browser)
    ok("and of another question", f"of {len(both):,}, of {N_ROWS:,}" in browser.run(STATUS), browser.run(STATUS))
    equal("which is told", browser.run("document.querySelector('.chips').textContent"), "event 0.40 to 0.60 ×")
    browser.keys("h")
    click_heading(browser, "event")
    settle(browser)
    equal("sorted within, highest first", [row[1] for row in seen(browser)][:5], [row[0] for row in sorted(both, key=lambda r: -r[4])][:5])
    browser.keys("o")
    settle(browser)
    equal("lowest first", browser.run(CURRENT)[1], min(both, key=lambda r: r[4])[0])
    browser.keys("o")
    settle(browser)
    equal("least sure first", browser.run(CURRENT)[1], min(both, key=lambda r: abs(r[4] - 0.5))[0])
    browser.keys("o", "Escape")
    settle(browser)
    equal("input order again", [row[1] for row in seen(browser)][:3], [row[0] for row in rows[:3]])
    click_heading(browser, "year")
    settle(browser)
    in_order = sorted(rows, key=lambda r: r[2])
    equal("a column of numbers", [row[1] for row in seen(browser)][:5], [row[0] for row in in_order[:5]])
    click_heading(browser, "free")
    click_heading(browser, "free")
    settle(browser)
    lowest = min((row for row in rows if row[6] is not None), key=lambda r: r[6])
    equal("what was not asked comes last", browser.run(CURRENT)[1], lowest[0])
    click_heading(browser, "free")
    click_heading(browser, "free")
    click_heading(browser, "stars")
    settle(browser)
    best = max(rows, key=lambda r: r[11])
    equal("a scale by its expectation", (browser.run(CURRENT)[1], browser.run("document.querySelector('.score').textContent")),
          (best[0], f"{best[11]:.2f}"))
    click_heading(browser, "stars")
    click_heading(browser, "stars")
    click_heading(browser, "stars")
    browser.keys("h", "h")
    browser.run("[...document.querySelectorAll('.segments button')][2].click()")
    settle(browser)
    equal("no verdict of this kind", len(seen(browser)), 0)
    ok("says so", browser.run("getComputedStyle(document.querySelector('.empty')).display") == "grid")
    browser.keys("Escape", "h")
    browser.run("[...document.querySelectorAll('.segments button')][2].click()")
    settle(browser)
    equal("accepted ones", [row[1] for row in seen(browser)], [rows[0][0]])
    browser.run("[...document.querySelectorAll('.segments button')][0].click()")
    ok("no trouble", troubles(browser) == [], troubles(browser))


def test_saving(browser, rows, folder):
    browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
    saved = os.path.join(folder, "report.review.csv")
    browser.keys("s")
    deadline = time.monotonic() + 30
    while not os.path.exists(saved) and time.monotonic() < deadline:
        time.sleep(0.05)
    with open(saved, encoding="utf-8") as file:
        text = file.read()
    verdicts = [f"{rows[0][0]},event,accept", f"{rows[1][0]},event,reject", f"{rows[2][0]},event,unsure", f"{rows[3][0]},free,reject"]
    equal("what is saved", text.splitlines(), ["id,question,verdict", *verdicts])
    browser.open("report.html")
    settle(browser)
    equal("verdicts outlive a reload", browser.run(COUNTS)[1:], [str(N_ROWS - 3), "1", "1", "1"])
    with open("answers.jsonl", "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({"id": row[0], "event": row[3], "event_p": row[4], "free": row[5], "free_p": row[6]}) + "\n")
    done = subprocess.run([TRAWL, "eval", "--json", "--review", saved, "answers.jsonl"], capture_output=True, text=True)
    judged = {q["name"]: q for q in json.loads(done.stdout)["questions"]} if ok("eval --review", done.returncode == 0, done.stderr) else {}
    equal("reads them as labels", {name: (q["n"], q["yes"]) for name, q in judged.items()}, {"event": (2, 1), "free": (1, 0)})

    with open("others.jsonl", "w", encoding="utf-8") as file:
        for i, verdict in ((7, "accept"), (8, "accept"), (1, "unsure")):
            file.write(json.dumps({"id": rows[i][0], "question": "event", "verdict": verdict}) + "\n")
        file.write('{"id": "x", "question": "other", "verdict": "accept"}\n')
    for name, expected in (("others.jsonl", ["3", "0", "2"]), (saved, ["3", "1", "1"])):
        node = browser.send("Runtime.evaluate", expression="document.querySelector('input[type=file]')")["result"]["objectId"]
        browser.send("DOM.setFileInputFiles", files=[os.path.realpath(name)], objectId=node)
        browser.wait(f"{STATUS}.includes('read from {os.path.basename(name)}')", "that verdicts were read")
        settle(browser)
        equal(f"verdicts of {os.path.basename(name)}", browser.run(COUNTS)[2:], expected)
        browser.keys("j")
    ok("no trouble", troubles(browser) == [], troubles(browser))


def shoot(browser, folder):
    os.makedirs(folder, exist_ok=True)
    for scheme in ("light", "dark"):
        browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open("report.html")
        browser.keys(*"jjjjjjjjjynyyuy")
        set_range(browser, 0.3, 0.95)
        browser.keys("o")
        browser.run("document.querySelector('.search input').value = 'brass'; document.querySelector('.search input').dispatchEvent(new Event('input'))")
        time.sleep(0.3)
        settle(browser)
        browser.screenshot(os.path.join(folder, scheme + ".png"))
        browser.keys("?")
        settle(browser)
        browser.screenshot(os.path.join(folder, scheme + "-help.png"))
    browser.send("Emulation.setDeviceMetricsOverride", width=600, height=900, deviceScaleFactor=1, mobile=False)
    browser.open("report.html")
    settle(browser)
    browser.screenshot(os.path.join(folder, "narrow.png"))


def test_browser(path, shots):
    page = make("report.html", N_ROWS)
    rows = rows_of(page)
    browser = Browser(path)
    try:
        browser.open("report.html")
        test_hostile(browser, rows)
        test_keys(browser, rows)
        test_filters(browser, rows)
        test_saving(browser, rows, os.getcwd())
        browser.open("cut.html")
        settle(browser)
        equal("a file that was cut off opens", browser.run(STATUS), "1 of 20 documents")
        if shots:
            shoot(browser, shots)
    finally:
        browser.close()


def main():
    shots = os.path.realpath(sys.argv[2]) if sys.argv[1:2] == ["--shots"] else None
    skipped = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        test_file()
        path = find_browser()
        if path:
            test_browser(path, shots)
        else:
            skipped = 1
            print("skipped: report_test: the page in a browser (no chromium)")
        os.chdir("/")
    print(f"report_test: {passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
