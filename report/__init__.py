"""Compares the traces of one request in every instrumentation mode: an HTML page and Markdown."""
