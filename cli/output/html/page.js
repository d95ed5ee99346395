/* The page around the table: filters, the document beside it, keys. */

const WORDS = {
    yes_no: {accept: 'Yes', reject: 'No', unsure: 'Unsure'},
    other: {accept: 'Right', reject: 'Wrong', unsure: 'Unsure'},
};
const KEYS = {accept: 'y', reject: 'n', unsure: 'u'};
const SHOWN_TEXT = 200000; /* characters of a document shown at once */
const count = (n) => n.toLocaleString('en-US');

class Page {
    constructor() {
        this.table = readTable();
        this.question = this.table.questions[0];
        this.ranges = {};
        this.words = [];
        this.wanted = 'all';
        this.order = {column: null, how: ''};
        this.view = this.table.rows.map((row, at) => at);
        this.current = 0;
        this.review = new Review(this.table.questions, () => this.reviewed());
        this.due = {};
        this.build();
        this.grid = new Grid(this.box, this);
        this.later({all: true});
        this.box.focus();
        document.addEventListener('keydown', (event) => this.key(event));
    }

    /* ---- What there is on the page ---- */

    build() {
        const {table} = this, title = table.title || 'Answers';
        const header = make('header');
        this.meter = make('div', 'meter');
        for (const verdict of VERDICTS) this.meter.append(make('i', verdict));
        this.progress = make('span');
        const progress = make('div', 'progress');
        progress.append(this.progress, this.meter);
        const actions = make('div', 'actions');
        actions.append(this.button('Save verdicts', () => this.review.save('csv'), 'primary', 'Save verdicts as CSV (s)'),
            this.button('JSON', () => this.review.save('jsonl'), '', 'Save verdicts as JSON lines'),
            this.button('Load…', () => this.file.click(), '', 'Read verdicts that were saved'),
            this.button('?', () => this.help.showModal(), '', 'Keys (?)'));
        this.file = make('input');
        this.file.type = 'file';
        this.file.hidden = true;
        this.file.accept = '.csv,.jsonl,.json';
        this.file.addEventListener('change', () => this.load());
        const heading = make('h1', '', title);
        heading.title = title;
        header.append(heading);
        if (this.question) header.append(progress, actions, this.file);

        this.box = make('main', 'table');
        this.box.tabIndex = 0;
        this.box.setAttribute('role', 'grid');
        this.box.setAttribute('aria-label', 'documents');
        this.nothing = make('div', 'empty');
        this.nothing.append(make('div', '', 'No document matches these filters.'), this.button('Clear filters', () => this.clear()));
        this.nothing.hidden = true;
        this.detail = make('aside', 'detail');
        this.detail.tabIndex = 0;
        this.detail.setAttribute('aria-label', 'the document');
        document.body.append(header, this.buildTools(), this.box, this.detail, this.buildFooter(), this.buildHelp());
        this.box.append(this.nothing);
    }

    button(text, act, className, title) {
        const button = make('button', className, text);
        button.type = 'button';
        if (title) button.title = title;
        button.addEventListener('click', act);
        return button;
    }

    buildTools() {
        const tools = make('div', 'tools'), search = make('div', 'search'), label = make('label', '', 'Filter by text');
        this.search = make('input');
        this.search.type = 'search';
        this.search.id = 'filter';
        this.search.placeholder = 'words, "or a phrase"';
        this.search.spellcheck = false;
        this.search.addEventListener('input', () => {
            clearTimeout(this.timer);
            this.timer = setTimeout(() => this.filter(), 80);
        });
        label.htmlFor = 'filter';
        search.append(label, this.search, make('kbd', '', '/'));
        tools.append(search);
        if (!this.question) return tools;

        if (this.table.questions.length > 1) {
            const group = make('div'), name = make('label', '', 'Question');
            this.select = make('select');
            this.select.id = name.htmlFor = 'question';
            for (const question of this.table.questions) this.select.append(new Option(question.name, question.index));
            this.select.addEventListener('change', () => {
                this.chooseQuestion(this.table.questions[this.select.value]);
                this.box.focus();
            });
            group.append(name, this.select);
            tools.append(group);
        }
        const range = make('div', 'range'), numbers = make('div', 'numbers');
        this.rangeName = make('span');
        this.rangeText = make('output');
        numbers.append(this.rangeName, this.rangeText);
        this.bins = make('div', 'bins');
        const sliders = make('div', 'sliders');
        this.low = this.slider('lowest probability', 0);
        this.high = this.slider('highest probability', 1);
        sliders.append(this.bins, this.low, this.high);
        range.append(numbers, sliders);

        const group = make('div', 'group'), segments = make('div', 'segments');
        this.segments = {};
        for (const [name, text] of [['all', 'All'], ['open', 'Open'], ['accept', SIGNS.accept], ['reject', SIGNS.reject], ['unsure', SIGNS.unsure]]) {
            const button = this.button(text, () => {
                this.wanted = name;
                this.filter();
            });
            button.append(make('b'));
            button.title = {all: 'all documents', open: 'without a verdict'}[name] || 'verdict: ' + name;
            this.segments[name] = button;
            segments.append(button);
        }
        group.append(make('span', '', 'Verdict'), segments);
        this.chips = make('div', 'chips');
        tools.append(range, group, this.chips);
        return tools;
    }

    slider(name, value) {
        const input = make('input');
        Object.assign(input, {type: 'range', min: 0, max: 1, step: 0.01, value});
        input.setAttribute('aria-label', name);
        input.addEventListener('input', () => {
            let low = Number(this.low.value), high = Number(this.high.value);
            if (low > high) {
                if (input === this.low) this.low.value = low = high;
                else this.high.value = high = low;
            }
            if (low === 0 && high === 1) delete this.ranges[this.question.index];
            else this.ranges[this.question.index] = [low, high];
            this.filter();
        });
        return input;
    }

    buildFooter() {
        const footer = make('footer');
        this.status = make('span', 'status');
        this.status.setAttribute('role', 'status');
        this.warning = make('span', 'warn');
        const keys = make('span', 'keys');
        const hints = this.question ? [['j', 'k', 'move'], ['y', 'n', 'u', 'judge'], ['z', 'undo'], ['o', 'order'], ['?', 'keys']] : [['j', 'k', 'move'], ['?', 'keys']];
        for (const hint of hints) {
            for (const key of hint.slice(0, -1)) keys.append(make('kbd', '', key), ' ');
            keys.append(hint[hint.length - 1] + '   ');
        }
        footer.append(this.status, this.warning, keys);
        return footer;
    }

    buildHelp() {
        this.help = make('dialog');
        const list = make('dl');
        const rows = [['j ↓', 'next document'], ['k ↑', 'previous document'], ['PgDn PgUp Home End', 'further, or g and G'], ['Space', 'read on in the document'],
            ['y', 'accept: the answer is yes (of a choice: it is right)'], ['n', 'reject: the answer is no (of a choice: it is wrong)'],
            ['u', 'unsure'], ['x', 'take the verdict back'], ['z', 'undo'], ['← →', 'other question, or h and l'],
            ['o', 'order: highest first, lowest first, least sure first, as they came'], ['/', 'filter by text'], ['Esc', 'back to the table; clear the filters'],
            ['s', 'save the verdicts'], ['?', 'this']];
        for (const [keys, text] of rows) {
            const term = make('dt');
            for (const key of keys.split(' ')) term.append(make('kbd', '', key), ' ');
            list.append(term, make('dd', '', text));
        }
        const form = make('form');
        form.method = 'dialog';
        form.append(make('button', '', 'Close'));
        this.help.append(make('h2', '', 'Keys'), list, make('p', '', 'Verdicts are kept by this browser for this file, and leave it only when you save them. ' +
            '`trawl eval --review FILE` reads what is saved here.'), form);
        return this.help;
    }

    /* ---- Filters, order, place ---- */

    filter() {
        const at = this.view[this.current], {table, review, question, wanted} = this;
        const keep = wanted === 'all' || !question ? () => true : (row) => (review.get(question.name, idOf(table, row)) || 'open') === wanted;
        this.words = wordsOf(this.search.value);
        this.view = sortRows(table, filterRows(table, this.words, this.ranges, keep), this.order.column, this.order.how);
        this.current = Math.max(0, this.view.indexOf(at));
        this.nothing.hidden = this.view.length > 0;
        this.message = '';
        this.grid.show(this.current);
        this.later({all: true});
    }

    clear() {
        this.search.value = '';
        this.ranges = {};
        this.wanted = 'all';
        this.filter();
        this.box.focus();
    }

    /* The next way of sorting by the column; after the last, input order. */
    sort(column) {
        const hows = ORDERS[column.kind] || ORDERS.other;
        const next = this.order.column === column ? hows.indexOf(this.order.how) + 1 : 0;
        this.order = next < hows.length ? {column, how: hows[next]} : {column: null, how: ''};
        if (column.kind === 'question' && this.order.column) this.setQuestion(column.question);
        this.filter();
        this.choose(0);
    }

    setQuestion(question) {
        this.question = question;
        if (this.select) this.select.value = question.index;
    }

    chooseQuestion(question) {
        if (question) this.setQuestion(question);
        this.message = '';
        if (this.wanted === 'all') this.later({all: true});
        else this.filter();
    }

    choose(index) {
        this.current = Math.max(0, Math.min(this.view.length - 1, index));
        this.message = '';
        this.grid.show(this.current);
        this.later({detail: true});
    }

    /* ---- Verdicts ---- */

    judge(verdict) {
        if (!this.question || this.view.length === 0) return;
        const id = idOf(this.table, this.view[this.current]);
        this.review.set(this.question.name, id, verdict);
        if (verdict && this.current + 1 < this.view.length) this.choose(this.current + 1);
        this.say(verdict ? `${id}: ${verdict}` : `${id}: no verdict`);
    }

    undo() {
        const last = this.review.undo();
        if (!last) return this.say('nothing to undo');
        this.chooseQuestion(this.table.questions.find((question) => question.name === last[0]));
        const index = this.view.findIndex((at) => idOf(this.table, at) === last[1]);
        if (index >= 0) this.choose(index);
        this.say(`undone: ${last[1]}`);
    }

    async load() {
        const [file] = this.file.files;
        this.file.value = '';
        if (!file) return;
        let told;
        try {
            told = `${count(this.review.load(await file.text()))} verdicts read from ${file.name}`;
        } catch (error) {
            told = `${file.name} has no verdicts: ${error.message}`;
        }
        this.filter();
        this.say(told);
    }

    reviewed() {
        this.later({rows: true, detail: true, counts: true});
    }

    /* ---- Drawing ---- */

    /* What is drawn in the next frame, however many keys come before it: all, or rows, detail and counts by themselves. */
    later(what) {
        Object.assign(this.due, what);
        this.frame ??= requestAnimationFrame(() => {
            const {due} = this;
            this.due = {};
            this.frame = null;
            if (due.all) this.drawRange();
            if (due.all) this.grid.drawHeadings();
            this.grid.draw(due.all || due.rows);
            if (due.all || due.detail) this.drawDetail();
            if (due.all || due.counts) this.drawCounts();
            this.drawStatus();
        });
    }

    drawCounts() {
        if (!this.question || !this.segments) return;
        const counts = this.review.count(this.question.name), n = this.table.rows.length;
        const judged = counts.accept + counts.reject + counts.unsure;
        this.progress.textContent = `${count(judged)} of ${count(n)} reviewed`;
        [...this.meter.children].forEach((bar, i) => {
            bar.style.width = 100 * counts[VERDICTS[i]] / Math.max(n, 1) + '%';
        });
        for (const [name, button] of Object.entries(this.segments)) {
            button.setAttribute('aria-pressed', name === this.wanted);
            button.lastChild.textContent = count({all: n, open: Math.max(0, n - judged)}[name] ?? counts[name]);
        }
        this.warning.textContent = !this.review.kept ? 'This browser keeps nothing for this file: save before you leave.'
            : this.review.unsaved > 0 ? `${count(this.review.unsaved)} not saved to a file` : '';
        this.warning.className = this.review.kept ? 'quiet' : 'warn';
    }

    /* The histogram of the question's probabilities, the sliders, and what other questions are limited to. */
    drawRange() {
        if (!this.question) return;
        const {table, question} = this, bins = histogram(table, question), [low, high] = this.ranges[question.index] || [0, 1];
        const most = Math.max(1, ...bins);
        this.bins.replaceChildren(...bins.map((n, i) => {
            const bar = make('i', (i + 1) / 20 > low && i / 20 < high ? 'inside' : '');
            bar.style.height = 100 * Math.sqrt(n / most) + '%';
            bar.title = `${(i / 20).toFixed(2)} to ${((i + 1) / 20).toFixed(2)}: ${count(n)}`;
            return bar;
        }));
        this.low.value = low;
        this.high.value = high;
        this.rangeName.textContent = question.kind === 'yes_no' ? 'Probability of yes' : 'Probability';
        this.rangeText.textContent = `${low.toFixed(2)} to ${high.toFixed(2)}`;
        const others = Object.keys(this.ranges).map(Number).filter((index) => index !== question.index);
        this.chips.replaceChildren(...others.map((index) => {
            const [from, to] = this.ranges[index];
            return this.button(`${table.questions[index].name} ${from.toFixed(2)} to ${to.toFixed(2)} ×`, () => {
                delete this.ranges[index];
                this.filter();
            }, '', 'take this limit away');
        }));
    }

    drawStatus() {
        const n = this.view.length, all = this.table.rows.length;
        const place = n === 0 ? `none of ${count(all)} documents` : `${count(this.current + 1)} of ${count(n)}${n < all ? `, of ${count(all)} documents` : ' documents'}`;
        this.status.textContent = this.message ? `${place} · ${this.message}` : place;
    }

    /* Until the next move. */
    say(text) {
        this.message = text;
        this.later({});
    }

    drawDetail() {
        const {table, detail} = this, at = this.view[this.current];
        detail.replaceChildren();
        if (at === undefined) return;
        const id = idOf(table, at), title = make('h2');
        title.append(this.linked(id));
        detail.append(title);
        const fields = table.columns.filter((column) => column.kind === 'field' && shown(table.rows[at][column.index]) !== '');
        if (fields.length > 0) {
            const list = make('dl');
            for (const column of fields) {
                const value = make('dd');
                value.append(this.linked(shown(table.rows[at][column.index])));
                list.append(make('dt', '', column.name), value);
            }
            detail.append(list);
        }
        if (this.question) detail.append(this.questionBox(this.question, at, id));
        if (table.questions.length > 1) detail.append(this.otherQuestions(at, id));
        if (table.text >= 0) detail.append(this.textBox(textOf(table, at)));
        if (this.detailOf !== at) detail.scrollTop = 0;
        this.detailOf = at;
    }

    /* An address of the web may be followed; anything else is text. */
    linked(text) {
        if (!/^https?:\/\/\S+$/i.test(text)) return document.createTextNode(text);
        const link = make('a', '', text);
        link.href = text;
        link.rel = 'noopener noreferrer';
        link.target = '_blank';
        return link;
    }

    /* The question that is reviewed, with what decided its answer. It stays in sight while the text is read. */
    questionBox(question, at, id) {
        const {table} = this, box = make('div', 'question'), text = make('p');
        const p = probabilityOf(table, at, question), answer = answerOf(table, at, question), distribution = distributionOf(table, at, question);
        text.append(make('b', '', question.name), question.text && question.text !== question.name ? question.text : '');
        box.append(text);
        if (p === null && answer === '') box.append(make('div', 'quiet', 'not asked'));
        else if (distribution.length > 0) {
            if (question.kind === 'score') box.append(make('p', 'score', shownAnswer(table, at, question)));
            for (const [label, share] of distribution) box.append(this.bar(label, share, String(label) === answer));
        }
        else box.append(this.bar(answer || (p >= question.threshold ? 'yes' : 'no'), p));
        const verdict = this.review.get(question.name, id), words = WORDS[question.kind] || WORDS.other, buttons = make('div', 'verdicts');
        for (const name of VERDICTS) {
            const button = this.button('', () => this.judge(verdict === name ? undefined : name), name);
            button.append(make('span', name, SIGNS[name]), words[name], make('kbd', '', KEYS[name]));
            button.setAttribute('aria-pressed', verdict === name);
            buttons.append(button);
        }
        box.append(buttons);
        return box;
    }

    /* A line for each of the others; a click makes it the one that is reviewed. */
    otherQuestions(at, id) {
        const {table} = this, list = make('div', 'others');
        for (const question of table.questions) {
            if (question === this.question) continue;
            const p = probabilityOf(table, at, question), answer = shownAnswer(table, at, question), verdict = this.review.get(question.name, id);
            const line = this.button('', () => this.chooseQuestion(question), '', question.text || question.name);
            const track = make('span', 'track'), bar = make('i');
            line.classList.toggle('low', question.kind === 'yes_no' && !(p >= question.threshold));
            bar.style.width = 100 * (p ?? 0) + '%';
            track.append(bar);
            track.style.visibility = p === null ? 'hidden' : '';
            line.append(make('b', '', question.name), track, make('em', '', p === null && answer === '' ? 'not asked' : [answer, decimals(p)].join(' ')),
                make('span', 'sign ' + (verdict || ''), verdict ? SIGNS[verdict] : ''));
            list.append(line);
        }
        return list;
    }

    bar(label, p, chosen) {
        const line = make('div', 'answer' + (chosen === undefined ? '' : chosen ? ' label chosen' : ' label')), track = make('span', 'track'), bar = make('i');
        bar.style.width = 100 * (p ?? 0) + '%';
        track.append(bar);
        line.append(make('b', '', label));
        if (p !== null) line.append(track, make('span', '', decimals(p)));
        return line;
    }

    /* The text with the filter's words marked. */
    textBox(text) {
        const box = make('pre', 'text'), part = text.slice(0, SHOWN_TEXT), lower = part.toLowerCase();
        const spots = [];
        if (lower.length === part.length) for (const word of this.words)
            for (let i = lower.indexOf(word); i >= 0 && spots.length < 1000; i = lower.indexOf(word, i + word.length)) spots.push([i, i + word.length]);
        let done = 0;
        for (const [from, to] of spots.sort((a, b) => a[0] - b[0])) {
            if (from < done) continue;
            box.append(part.slice(done, from), make('mark', '', part.slice(from, to)));
            done = to;
        }
        box.append(part.slice(done));
        if (part.length < text.length) {
            const more = this.button(`${count(text.length - part.length)} more characters`, () => {
                more.replaceWith(text.slice(SHOWN_TEXT));
            });
            box.append('\n', more);
        }
        return box;
    }

    /* ---- Keys ---- */

    key(event) {
        if (event.ctrlKey || event.metaKey || event.altKey || this.help.open) return;
        const {target} = event, typing = target === this.search, control = target.matches('input, select');
        if (event.key === 'Escape') {
            if (!control) this.clear();
            this.box.focus();
        } else if (typing) {
            if (event.key !== 'Enter' && event.key !== 'ArrowDown') return;
            clearTimeout(this.timer);
            this.filter();
            this.box.focus();
        } else if (control && /^(Arrow|Home|End|Page)/.test(event.key) || target.matches('button') && /^[ ]$|^Enter$/.test(event.key)) return;
        else {
            const act = this.acts()[event.key];
            if (!act) return;
            act();
        }
        event.preventDefault();
    }

    acts() {
        const go = (index) => () => this.choose(index), turn = (by) => () => {
            const {questions} = this.table, n = questions.length;
            if (n > 1) this.chooseQuestion(questions[(this.question.index + by + n) % n]);
        };
        const down = go(this.current + 1), up = go(this.current - 1), last = this.view.length - 1, page = this.grid.page();
        return {
            j: down, ArrowDown: down, k: up, ArrowUp: up, PageDown: go(this.current + page), PageUp: go(this.current - page),
            Home: go(0), g: go(0), End: go(last), G: go(last), ' ': () => this.detail.scrollBy(0, this.detail.clientHeight * 0.85),
            y: () => this.judge('accept'), n: () => this.judge('reject'), u: () => this.judge('unsure'), x: () => this.judge(undefined), z: () => this.undo(),
            h: turn(-1), ArrowLeft: turn(-1), l: turn(1), ArrowRight: turn(1),
            o: () => this.question && this.sort(this.table.columns.find((column) => column.question === this.question)),
            '/': () => {
                this.search.focus();
                this.search.select();
            },
            s: () => this.question && this.review.save('csv'), '?': () => this.help.showModal(),
        };
    }
}

document.addEventListener('DOMContentLoaded', () => {
    new Page();
});
