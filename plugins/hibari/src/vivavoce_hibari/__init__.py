"""The embedded text-to-speech (hibari) for vivavoce."""
