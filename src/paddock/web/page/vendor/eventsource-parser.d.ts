// What the page uses of eventsource-parser.
export function createParser(config: { onEvent: (event: { id?: string; event?: string; data: string }) => void }): { feed: (piece: string) => void };
