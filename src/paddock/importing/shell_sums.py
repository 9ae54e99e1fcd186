"""Sums of whole numbers, as a shell's `$((…))` has them. Pure."""

import ast
import operator

_SUMS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}


def reckoned(text: str) -> int:
    """The result; ValueError where it is no such sum."""
    try:
        return _of(ast.parse(text.replace("/", "//"), mode="eval").body)
    except (SyntaxError, ZeroDivisionError) as error:
        raise ValueError(f"no sum: {text}") from error


def _of(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _SUMS:
        return int(_SUMS[type(node.op)](_of(node.left), _of(node.right)))
    raise ValueError(f"no sum: {ast.dump(node)}")
