"""Ollama's API: its requests put into llama-server's words, and llama-server's replies into its.

Sources: docs/api.md and api/types.go of Ollama (0.32), and the calls of its Python client.
"""
