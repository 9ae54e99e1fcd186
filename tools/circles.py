"""Finds the circles of a graph of imports."""

from collections.abc import Iterable, Iterator, Mapping


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The modules that import each other, directly or through others: one list for each circle."""
    return [part for part in _parts(graph) if len(part) > 1]


def _parts(graph: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """The strongly connected parts, by Kosaraju: one search forwards, and one backwards."""
    back: dict[str, set[str]] = {name: set() for name in graph}
    for name, others in graph.items():
        for other in others:
            back[other].add(name)
    seen: set[str] = set()
    for name in reversed(_finished(graph)):
        if name not in seen:
            yield sorted(_reached(name, back, seen))


def _finished(graph: Mapping[str, Iterable[str]]) -> list[str]:
    seen, order = set[str](), list[str]()
    for first in sorted(graph):
        stack = [] if first in seen else [(first, iter(sorted(graph[first])))]
        seen.add(first)
        while stack:
            following = next((one for one in stack[-1][1] if one not in seen), None)
            if following is None:
                order.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(sorted(graph[following]))))
    return order


def _reached(first: str, graph: Mapping[str, Iterable[str]], seen: set[str]) -> list[str]:
    found, todo = list[str](), [first]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            found.append(name)
            todo += graph[name]
    return found
