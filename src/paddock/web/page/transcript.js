/** The lines of a log that are kept, which of them are shown, and where words stand in them. As `tui/transcript.py`. */

export const KEPT = 20_000; // lines
const SPARE = 2_000; // more than that until the oldest go, so that they go seldom

export class Transcript {
    constructor({ kept = KEPT, spare = SPARE } = {}) {
        /** @type {string[]} */
        this.shown = [];
        this.wanted = this.sought = "";
        /** @type {string[]} */
        this._lines = [];
        this._kept = kept;
        this._spare = spare;
    }

    /** Take these in; how many rows of `shown` were forgotten for it. @param {string[]} lines */
    add(lines) {
        for (const line of lines) {
            this._lines.push(line);
            if (this._isWanted(line)) this.shown.push(line);
        }
        if (this._lines.length <= this._kept + this._spare) return 0;
        const old = this._lines.splice(0, this._lines.length - this._kept);
        const gone = old.filter((line) => this._isWanted(line)).length;
        this.shown.splice(0, gone);
        return gone;
    }

    /** Leave only lines with these words; none: all. @param {string} text */
    showOnly(text) {
        this.wanted = text.toLowerCase();
        this.shown = this._lines.filter((line) => this._isWanted(line));
    }

    /** @param {string} text */
    seek(text) {
        this.sought = text.toLowerCase();
    }

    /** How many shown lines have the sought words. */
    get found() {
        return this.sought ? this.shown.filter((line) => line.toLowerCase().includes(this.sought)).length : 0;
    }

    /** The next row with the sought words after this one (step -1: before it), round the end. @param {number} row @param {1 | -1} step */
    nextAfter(row, step) {
        const length = this.shown.length;
        if (!this.sought) return null;
        for (let i = 1; i <= length; i++) {
            const at = (((row + step * i) % length) + length) % length;
            if (this.shown[at].toLowerCase().includes(this.sought)) return at;
        }
        return null;
    }

    /** The line in pieces; every second one is what was sought. @param {string} line */
    pieces(line) {
        const lowered = line.toLowerCase(), size = this.sought.length;
        if (!size || lowered.length !== line.length) return [line];
        const found = [];
        let from = 0;
        for (let at = lowered.indexOf(this.sought); at >= 0; at = lowered.indexOf(this.sought, from)) {
            found.push(line.slice(from, at), line.slice(at, at + size));
            from = at + size;
        }
        return [...found, line.slice(from)];
    }

    /** @param {string} line */
    _isWanted(line) {
        return !this.wanted || line.toLowerCase().includes(this.wanted);
    }
}
