"""Pipecat and LiveKit Agents behind vivavoce's wire, with vivavoce's simulated engines, measured side by side."""
