// What the page uses of htm and preact, for TypeScript's check alone; never served.
export function html(strings: TemplateStringsArray, ...values: unknown[]): any;
export function render(what: unknown, inside: Element): void;
export class Component {
    props: any;
    shouldComponentUpdate(next: any): boolean;
    render(props: any): any;
}
export function useState<T>(first: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
export function useEffect(does: () => void | (() => void), inputs?: unknown[]): void;
export function useRef<T>(first: T): { current: T };
export function useMemo<T>(makes: () => T, inputs: unknown[]): T;
export function useCallback<T>(does: T, inputs: unknown[]): T;
export function useErrorBoundary(does: (error: unknown) => void): [unknown, () => void];
