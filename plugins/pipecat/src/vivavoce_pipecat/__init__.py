"""Any Pipecat service, silero voice activity and smart-turn as vivavoce engines."""
