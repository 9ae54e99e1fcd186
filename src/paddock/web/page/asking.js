/** What a component asks of the daemon beside the events. */

import { get, post, Refusal } from "./api.js";
import { useCallback, useEffect, useState } from "./vendor/htm-preact.js";

/** @template T @typedef {{value: T | null, error: Refusal | null}} Answer */

/** What this path answers; asked anew when it or `since` changes, the old answer standing until then.
 * @template T @param {string | null} path @param {unknown} [since] @returns {Answer<T>} */
export function useAnswer(path, since = "") {
    const [answer, setAnswer] = useState({ path, value: null, error: null });
    useEffect(() => {
        if (path === null) return;
        const line = new AbortController();
        get(path, line.signal).then(
            (value) => setAnswer({ path, value, error: null }),
            (error) => line.signal.aborted || setAnswer({ path, value: null, error }),
        );
        return () => line.abort();
    }, [path, since]);
    return answer.path === path ? answer : { value: null, error: null };
}

/** An order to the daemon, what became of it, whether it is under way, and how many were carried out.
 * @returns {{order: (path: string, body?: unknown) => Promise<boolean>, error: Refusal | null, isBusy: boolean, done: number}} */
export function useOrder() {
    const [state, setState] = useState(/** @type {{error: Refusal | null, isBusy: boolean}} */ ({ error: null, isBusy: false }));
    const [done, setDone] = useState(0);
    const order = useCallback(async (/** @type {string} */ path, /** @type {unknown} */ body = {}) => {
        setState({ error: null, isBusy: true });
        try {
            await post(path, body);
            setState({ error: null, isBusy: false });
            setDone((n) => n + 1);
            return true;
        } catch (error) {
            setState({ error: /** @type {Refusal} */ (error), isBusy: false });
            return false;
        }
    }, []);
    return { order, ...state, done };
}
