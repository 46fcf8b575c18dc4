"""The embedded language model (llama.cpp) for vivavoce."""
