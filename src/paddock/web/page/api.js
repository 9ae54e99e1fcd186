/**
 * The calls to the daemon, with the key that the reader typed. The key lives in this tab's session storage:
 * it survives a reload, ends with the tab, and no other tab, file or server gets it.
 */

const KEY = "paddock-key";

/** @typedef {import("../types").Failure} Failure */

/** A refusal by the daemon, or that it does not answer (`status` 0). */
export class Refusal extends Error {
    /** @param {number} status @param {Partial<Failure>} failure */
    constructor(status, failure) {
        super(failure.message || `the answer was ${status}`);
        this.status = status;
        this.code = failure.code ?? "";
        this.hint = failure.hint ?? "";
    }
}

export const key = () => sessionStorage.getItem(KEY) ?? "";

/** @param {string} text empty: forget it */
export function setKey(text) {
    if (text) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
}

/** The answer as it comes; raises Refusal.
 * @param {string} path @param {RequestInit & {headers?: Record<string, string>}} [init] @returns {Promise<Response>} */
export async function ask(path, init = {}) {
    const own = key();
    const headers = { ...init.headers, ...(own ? { Authorization: `Bearer ${own}` } : {}) };
    let answer;
    try {
        answer = await fetch(path, { cache: "no-store", ...init, headers });
    } catch (error) {
        if (init.signal?.aborted) throw error;
        throw new Refusal(0, { message: "the daemon does not answer", hint: "is it running? `paddock status` says so" });
    }
    if (answer.ok) return answer;
    const body = await answer.json().catch(() => ({}));
    throw new Refusal(answer.status, body.error ?? {});
}

/** @template T @param {string} path @param {AbortSignal} [signal] @returns {Promise<T>} */
export async function get(path, signal) {
    return (await ask(path, signal ? { signal } : {})).json();
}

/** @template T @param {string} path @param {unknown} [body] @param {AbortSignal} [signal] @returns {Promise<T>} */
export const post = (path, body = {}, signal) => give("POST", path, body, signal);

/** @template T @param {string} path @param {unknown} body @returns {Promise<T>} */
export const put = (path, body) => give("PUT", path, body);

/** @param {string} method @param {string} path @param {unknown} body @param {AbortSignal} [signal] */
async function give(method, path, body, signal) {
    const headers = { "Content-Type": "application/json" };
    return (await ask(path, { method, headers, body: JSON.stringify(body), ...(signal ? { signal } : {}) })).json();
}
