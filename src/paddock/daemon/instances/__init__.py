"""The live llama-servers."""
