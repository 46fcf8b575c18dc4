"""Rime's hosted text-to-speech for vivavoce."""
