'use strict';
/* The data: what the two blocks of JSON hold, how cells are read, filtered and sorted. Nothing here touches the page; text of
 * documents is never anything but text. */

/* The heading and the rows, a line each. A last line that was cut off, where a run was stopped, is left out. */
function readTable() {
    const head = JSON.parse(document.getElementById('trawl-head').textContent);
    const rows = [];
    for (const line of document.getElementById('trawl-rows').textContent.split('\n')) {
        if (line === '') continue;
        try {
            rows.push(JSON.parse(line));
        } catch (error) {
            break;
        }
    }
    const table = {title: head.title, questions: head.questions, rows, id: -1, text: -1, columns: []};
    table.questions.forEach((question, i) => Object.assign(question, {index: i, answer: -1, p: -1, distribution: -1}));
    head.columns.forEach((column, i) => {
        const question = table.questions[column.question];
        if (column.role === 'id' && table.id < 0) table.id = i;
        if (column.role === 'text') table.text = i;
        else if (column.role === 'distribution') question.distribution = i;
        else if (column.role === 'answer' || column.role === 'probability') {
            if (question.answer < 0 && question.p < 0) table.columns.push({kind: 'question', name: question.name, question});
            question[column.role === 'answer' ? 'answer' : 'p'] = i;
        } else table.columns.push({kind: i === table.id ? 'id' : 'field', name: column.name, index: i, number: isNumeric(rows, i)});
    });
    const places = ['id', 'question', 'field', 'snippet'], {columns} = table;
    if (table.id < 0) columns.push({kind: 'id', name: '#', index: -1, number: true});
    if (table.text >= 0) columns.push({kind: 'snippet', name: 'text', index: table.text});
    columns.sort((a, b) => places.indexOf(a.kind) - places.indexOf(b.kind));
    return table;
}

function isNumeric(rows, index) {
    let any = false;
    for (const row of rows) {
        const cell = row[index];
        if (cell === null || cell === '') continue;
        if (typeof cell !== 'number' && (cell.trim() === '' || !Number.isFinite(Number(cell)))) return false;
        any = true;
    }
    return any;
}

const shown = (cell) => cell === null || cell === undefined ? '' : String(cell);
const idOf = (table, at) => table.id < 0 ? String(at + 1) : shown(table.rows[at][table.id]);
/* null: not asked */
const probabilityOf = (table, at, question) => {
    const p = question.p < 0 ? null : table.rows[at][question.p];
    return p === null || p === '' || !Number.isFinite(Number(p)) ? null : Number(p);
};
const answerOf = (table, at, question) => question.answer < 0 ? '' : shown(table.rows[at][question.answer]);
/* For reading: of a scale the expectation, to two decimals. */
const shownAnswer = (table, at, question) => {
    const answer = answerOf(table, at, question);
    return question.kind === 'score' && answer !== '' && Number.isFinite(Number(answer)) ? Number(answer).toFixed(2) : answer;
};
const textOf = (table, at) => table.text < 0 ? '' : shown(table.rows[at][table.text]);
const decimals = (p) => p === null ? '' : p.toFixed(3);
/* [[label, probability], ...] or nothing. */
function distributionOf(table, at, question) {
    try {
        return question.distribution < 0 ? [] : JSON.parse(table.rows[at][question.distribution]) || [];
    } catch (error) {
        return [];
    }
}

/* How many rows have their probability in each twentieth. */
function histogram(table, question) {
    if (question.bins) return question.bins;
    question.bins = new Array(20).fill(0);
    for (let at = 0; at < table.rows.length; at++) {
        const p = probabilityOf(table, at, question);
        if (p !== null) question.bins[Math.min(19, Math.floor(20 * p))]++;
    }
    return question.bins;
}

/* What the filter looks in, made when first needed. */
function haystack(table, at) {
    table.haystacks ??= new Array(table.rows.length);
    return table.haystacks[at] ??= table.rows[at].filter((cell) => typeof cell === 'string').join('\n').toLowerCase();
}

/* A word of the filter is anything between spaces, or "between quotes". */
const wordsOf = (filter) => (filter.toLowerCase().match(/"[^"]+"|[^\s"]+/g) || []).map((word) => word.replace(/"/g, ''));

/* Positions of the rows to show. [ranges]: [low, high] by question index; [keep]: row position to whether its verdict is wanted. */
function filterRows(table, words, ranges, keep) {
    const limits = table.questions.filter((q) => ranges[q.index]).map((q) => [q, ...ranges[q.index]]);
    const view = [];
    for (let at = 0; at < table.rows.length; at++) {
        const inside = limits.every(([question, low, high]) => {
            const p = probabilityOf(table, at, question);
            return p !== null && p >= low && p <= high;
        });
        if (inside && keep(at) && words.every((word) => haystack(table, at).includes(word))) view.push(at);
    }
    return view;
}

const collator = new Intl.Collator(undefined, {numeric: true, sensitivity: 'base'});
const ORDERS = {question: ['down', 'up', 'unsure'], other: ['up', 'down']};

/* What a column is sorted by: numbers and texts; null comes last, either way. */
function sortKey(table, column, order) {
    if (column.kind === 'question') {
        const {question} = column;
        if (question.kind === 'choice' && order !== 'unsure') return (at) => answerOf(table, at, question) || null;
        if (order === 'unsure') return (at) => {
            const p = probabilityOf(table, at, question);
            return p === null ? null : question.kind === 'yes_no' ? Math.abs(p - question.threshold) : p;
        };
        if (question.kind === 'score') return (at) => {
            const expectation = Number.parseFloat(answerOf(table, at, question));
            return Number.isNaN(expectation) ? null : expectation;
        };
        return (at) => probabilityOf(table, at, question);
    }
    if (column.index < 0) return (at) => at;
    return (at) => {
        const cell = table.rows[at][column.index];
        return cell === null || cell === '' ? null : column.number ? Number(cell) : String(cell);
    };
}

/* Sorts [view] in place; equal rows stay in input order. */
function sortRows(table, view, column, order) {
    if (!column) return view.sort((a, b) => a - b);
    const key = sortKey(table, column, order);
    const keys = new Map(view.map((at) => [at, key(at)]));
    const sign = order === 'down' ? -1 : 1;
    return view.sort((a, b) => {
        const x = keys.get(a), y = keys.get(b);
        if (x === null || y === null) return (x === null) - (y === null) || a - b;
        return sign * (typeof x === 'number' ? x - y : collator.compare(x, y)) || a - b;
    });
}
