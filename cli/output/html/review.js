/* Verdicts, of a document and a question: kept by the browser for this file's address, saved to and read from files. */

const VERDICTS = ['accept', 'reject', 'unsure'];
const SIGNS = {accept: '✓', reject: '✗', unsure: '?'};

class Review {
    constructor(questions, changed) {
        this.key = 'trawl-review:' + location.pathname;
        this.by = new Map(); /* question name: Map of id to verdict */
        this.undos = [];
        this.unsaved = 0;
        this.changed = changed;
        this.kept = true;
        for (const question of questions) this.by.set(question.name, new Map());
        try {
            for (const [name, pairs] of JSON.parse(localStorage.getItem(this.key)) || []) this.by.set(name, new Map(pairs));
        } catch (error) {
            this.kept = false;
        }
        addEventListener('pagehide', () => this.keep());
        addEventListener('visibilitychange', () => this.keep());
    }
    get(name, id) {
        return this.by.get(name).get(id);
    }
    /* No verdict takes one back. */
    set(name, id, verdict) {
        this.undos.push([name, id, this.get(name, id)]);
        this.put(name, id, verdict);
    }
    put(name, id, verdict) {
        if (verdict) this.by.get(name).set(id, verdict);
        else this.by.get(name).delete(id);
        this.unsaved++;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.keep(), 300);
        this.changed();
    }
    undo() {
        const last = this.undos.pop();
        if (last) this.put(...last);
        return last;
    }
    keep() {
        const was = this.kept;
        try {
            localStorage.setItem(this.key, JSON.stringify([...this.by].map(([name, map]) => [name, [...map]])));
            this.kept = true;
        } catch (error) {
            this.kept = false;
        }
        if (this.kept !== was) this.changed();
    }
    count(name) {
        const counts = {accept: 0, reject: 0, unsure: 0};
        for (const verdict of this.by.get(name).values()) counts[verdict]++;
        return counts;
    }

    /* Every verdict as {id, question, verdict}. */
    all() {
        return [...this.by].flatMap(([question, map]) => [...map].map(([id, verdict]) => ({id, question, verdict})));
    }
    save(kind) {
        const quoted = (text) => /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
        const lines = this.all().map((v) => kind === 'csv' ? [v.id, v.question, v.verdict].map(quoted).join(',') : JSON.stringify(v));
        if (kind === 'csv') lines.unshift('id,question,verdict');
        const link = document.createElement('a');
        link.href = URL.createObjectURL(new Blob([lines.join('\n') + '\n'], {type: kind === 'csv' ? 'text/csv' : 'application/jsonl'}));
        link.download = (location.pathname.split('/').pop() || 'report').replace(/\.html?$/, '') + '.review.' + kind;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 10000);
        this.unsaved = 0;
        this.changed();
    }
    /* What save wrote; other rows are left out. Returns how many verdicts there were. */
    load(text) {
        const rows = /^\s*\{/.test(text) ? text.split('\n').filter((line) => line.trim()).map((line) => JSON.parse(line)) : readCsv(text);
        let n = 0;
        for (const {id, question, verdict} of rows) {
            if (!this.by.has(question) || !VERDICTS.includes(verdict) || typeof id !== 'string') continue;
            this.by.get(question).set(id, verdict);
            n++;
        }
        this.keep();
        return n;
    }
}

/* Objects named by the first line. */
function readCsv(text) {
    const rows = [[]];
    for (const [, quoted, plain, end] of text.replace(/^\ufeff/, '').matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
        rows[rows.length - 1].push(quoted !== undefined ? quoted.replaceAll('""', '"') : plain);
        if (end !== ',') rows.push([]);
    }
    const [names, ...others] = rows.filter((row) => row.length > 1);
    return others.map((row) => Object.fromEntries((names || []).map((name, i) => [name, row[i]])));
}
