"""Paddock keeps a stable of llama.cpp models behind one address."""

__version__ = "0.1.0"
DISTRIBUTION = "paddock-llm"  # plain `paddock` on PyPI is another project
