/** The one view of the page, and who is to be drawn when it changes. */

import { Feed } from "./feed.js";
import { dismissed, reduceNews } from "./reducer.js";
import { Series } from "./series.js";
import { nothing } from "./state.js";
import { useEffect, useState } from "./vendor/htm-preact.js";

const BACKGROUND = 500; // milliseconds: a hidden tab draws no frames, but its title goes on
const MOST_OFTEN = 10; // seconds between two fresh snapshots

/** The page's clock, in seconds. */
export const clock = () => performance.now() / 1000;

class Store {
    constructor() {
        this.view = nothing();
        this.series = new Series();
        this.feed = new Feed((news) => this._hear(news));
        /** @type {Set<() => void>} */
        this._readers = new Set();
        /** When the first snapshot has come, or that none comes. */
        this.heard = new Promise((resolve) => (this._isHeard = resolve));
        this._isDue = false;
        this._refreshed = -Infinity;
    }

    /** @param {() => void} reader called when there is something new; gives how to leave @returns {() => void} */
    subscribe(reader) {
        this._readers.add(reader);
        return () => void this._readers.delete(reader);
    }

    /** Its failed switch was read. @param {string} profile */
    dismiss(profile) {
        this.view = dismissed(this.view, profile);
        this._drawSoon();
    }

    /** @param {import("./state.js").Event | import("./state.js").LinkChanged} news */
    _hear(news) {
        const now = clock();
        this.view = reduceNews(this.view, news, now);
        if ("type" in news || news.link === "lost") this._isHeard(undefined);
        const isReading = "type" in news && (news.type === "snapshot" || news.type === "activity");
        if (isReading) this.series.sample(this.view, now);
        if (this.view.is_stale && now - this._refreshed > MOST_OFTEN / (this._refreshed > 0 ? 1 : 10)) {
            this._refreshed = now;
            this.feed.refresh();
        }
        this._drawSoon();
    }

    _drawSoon() {
        if (this._isDue) return;
        this._isDue = true;
        const draw = () => {
            this._isDue = false;
            for (const reader of this._readers) reader();
        };
        if (document.visibilityState === "visible") requestAnimationFrame(draw);
        else setTimeout(draw, BACKGROUND);
    }
}

export const store = new Store();

/** The view, drawn anew when it changes. */
export function useView() {
    const [view, setView] = useState(store.view);
    useEffect(() => {
        const take = () => setView(store.view);
        take(); // of what came since it was drawn
        return store.subscribe(take);
    }, []);
    return view;
}

/** The page's clock, drawn anew every so many seconds while somebody looks. @param {number} every */
export function useClock(every) {
    const [now, setNow] = useState(clock());
    useEffect(() => {
        const ticking = setInterval(() => document.visibilityState === "visible" && setNow(clock()), every * 1000);
        return () => clearInterval(ticking);
    }, [every]);
    return Math.max(now, store.view.heard ?? 0);
}
