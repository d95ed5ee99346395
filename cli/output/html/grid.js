/* The table: only the rows that can be seen exist; they are moved and filled anew as it scrolls. */

const ROW_HEIGHT = 34;

/* A new element with a class and a text. */
function make(name, className, text) {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
}

class Grid {
    /* [host]: table, review, view (positions of rows), current (index into view), question (the active one), order, choose(index),
     * sort(column), later({}), which draws in the next frame. */
    constructor(box, host) {
        this.box = box;
        this.host = host;
        this.pool = [];
        this.names = make('div', 'names line');
        this.names.setAttribute('role', 'row');
        this.rows = make('div', 'rows');
        this.rows.setAttribute('role', 'rowgroup');
        box.append(this.names, this.rows);
        this.layOut();
        box.addEventListener('scroll', () => host.later({}), {passive: true});
        new ResizeObserver(() => this.measure()).observe(box);
        this.measure();
        this.rows.addEventListener('click', (event) => {
            const row = event.target.closest('.row');
            if (row) host.choose(row.index);
        });
    }

    /* Widths from the longest texts of the first thousand rows. */
    layOut() {
        const {table} = this.host, sample = table.rows.slice(0, 1000);
        const widest = (index) => sample.reduce((most, row) => Math.max(most, Math.min(shown(row[index]).length, 60)), 0);
        const widths = table.columns.map((column) => {
            if (column.kind === 'question') return column.question.kind === 'yes_no' ? Math.max(142, 30 + 7 * Math.min(column.name.length, 16)) : 190;
            if (column.kind === 'snippet') return 240;
            const most = column.kind === 'id' ? 300 : 200;
            const texts = column.index < 0 ? String(table.rows.length).length : widest(column.index);
            return Math.max(64, Math.min(most, 7.2 * Math.max(texts, column.name.length + 2) + 22));
        });
        const grows = table.columns.map((column, i) => column.kind === 'snippet' ? `minmax(${widths[i]}px, 1fr)` : `${Math.round(widths[i])}px`);
        if (table.text < 0) grows.push('1fr');
        this.box.style.setProperty('--columns', '34px ' + grows.join(' '));
        this.box.style.setProperty('--least', Math.round(34 + widths.reduce((sum, width) => sum + width, 0)) + 'px');

        const gutter = make('button', 'sticky0');
        gutter.type = 'button';
        gutter.tabIndex = -1;
        gutter.setAttribute('aria-label', 'verdict');
        this.names.append(gutter);
        this.headings = table.columns.map((column, i) => {
            const button = make('button', i === 0 ? 'sticky1' : '');
            button.type = 'button';
            button.setAttribute('role', 'columnheader');
            button.title = column.kind === 'question' ? column.question.text || column.name : 'sort by ' + column.name;
            button.append(make('span', '', column.name), make('span', 'order'));
            button.addEventListener('click', () => this.host.sort(column));
            this.names.append(button);
            return button;
        });
    }

    newRow() {
        const row = make('div', 'row line');
        row.setAttribute('role', 'row');
        row.gutter = make('span', 'gutter sticky0');
        row.append(row.gutter);
        row.cells = this.host.table.columns.map((column, i) => {
            const kind = column.kind === 'question' ? 'asked' : column.kind;
            const cell = make('span', kind + (i === 0 ? ' sticky1' : '') + (column.number && i > 0 ? ' number' : ''));
            cell.setAttribute('role', 'gridcell');
            if (column.kind === 'question') {
                cell.bar = make('i');
                const track = make('span', 'track');
                track.append(cell.bar);
                cell.label = make('em');
                cell.sign = make('span', 'sign');
                cell.append(track, cell.label, cell.sign);
            }
            row.append(cell);
            return cell;
        });
        this.rows.append(row);
        return row;
    }

    fill(row, index) {
        const {table, review, view, question} = this.host, at = view[index], id = idOf(table, at);
        const verdict = question && review.get(question.name, id);
        row.index = index;
        row.at = at;
        row.style.transform = `translateY(${index * ROW_HEIGHT}px)`;
        row.setAttribute('aria-rowindex', index + 2);
        row.gutter.textContent = verdict ? SIGNS[verdict] : '';
        row.gutter.className = 'gutter sticky0 ' + (verdict || '');
        table.columns.forEach((column, i) => {
            const cell = row.cells[i];
            if (column.kind === 'question') this.fillAnswer(cell, column.question, at, id);
            else if (column.kind === 'id') cell.textContent = id;
            else cell.textContent = shown(table.rows[at][column.index]).slice(0, 300);
        });
    }

    fillAnswer(cell, question, at, id) {
        const {table, review} = this.host, p = probabilityOf(table, at, question), answer = shownAnswer(table, at, question);
        const verdict = review.get(question.name, id);
        cell.firstChild.style.visibility = p === null ? 'hidden' : '';
        cell.bar.style.width = 100 * (p ?? 0) + '%';
        cell.classList.toggle('low', question.kind === 'yes_no' && !(p >= question.threshold));
        cell.label.textContent = question.kind === 'yes_no' ? (answer === 'unsure' ? 'unsure' : decimals(p)) : answer;
        cell.sign.textContent = verdict ? SIGNS[verdict] : '';
        cell.sign.className = 'sign ' + (verdict || '');
    }

    /* Sizes are read here alone: reading them between changes would lay out the page again each time. */
    measure() {
        this.above = this.names.offsetHeight;
        this.room = this.box.clientHeight - this.above;
        this.host.later({});
    }

    /* [all]: every row anew, after a change of the view or of verdicts; else only those that came into sight. */
    draw(all) {
        const {view, current} = this.host, height = view.length * ROW_HEIGHT + 'px';
        const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_HEIGHT) - 6);
        const n = Math.max(0, Math.min(view.length, first + Math.ceil(this.room / ROW_HEIGHT) + 12) - first);
        if (this.rows.style.height !== height) {
            this.rows.style.height = height;
            this.box.setAttribute('aria-rowcount', view.length + 1);
        }
        while (this.pool.length < n) this.pool.push(this.newRow());
        for (const row of this.pool) row.used = false;
        for (let index = first; index < first + n; index++) {
            const row = this.pool[index % this.pool.length];
            if (all || row.index !== index || row.at !== view[index]) this.fill(row, index);
            row.used = true;
            if (row.isCurrent !== (index === current)) {
                row.isCurrent = index === current;
                row.classList.toggle('current', row.isCurrent);
                row.setAttribute('aria-selected', row.isCurrent);
            }
        }
        for (const row of this.pool) if (row.hidden === row.used) row.hidden = !row.used;
    }

    drawHeadings() {
        const {table, question, order} = this.host, arrows = {up: '↑', down: '↓', unsure: '≈'};
        table.columns.forEach((column, i) => {
            const sorted = order.column === column;
            this.headings[i].classList.toggle('active', column.kind === 'question' && column.question === question);
            this.headings[i].lastChild.textContent = sorted ? arrows[order.how] : '';
            this.headings[i].setAttribute('aria-sort', !sorted ? 'none' : order.how === 'up' ? 'ascending' : order.how === 'down' ? 'descending' : 'other');
        });
    }

    /* The smallest move that brings row [index] into sight. */
    show(index) {
        const top = index * ROW_HEIGHT, at = this.box.scrollTop;
        this.rows.style.height = this.host.view.length * ROW_HEIGHT + 'px';
        if (top < at) this.box.scrollTop = top;
        else if (top + ROW_HEIGHT > at + this.room) this.box.scrollTop = top + ROW_HEIGHT - this.room;
    }
    /* How many rows a page is. */
    page() {
        return Math.max(1, Math.floor(this.room / ROW_HEIGHT) - 1);
    }
}
