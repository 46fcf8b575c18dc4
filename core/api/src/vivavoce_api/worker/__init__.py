"""Engines in worker processes: the protocol, which both sides share, and the worker's side of it.

`python -m vivavoce_api.worker --fd N` serves one engine over the connected socket N, which it inherits. It needs
nothing beyond vivavoce-api and the plugin, so that it lives beside whatever packages an engine asks for.

The server (the host) and the worker exchange `Record`s; numbers of calls and sessions are chosen by the host:

| record | from | says |
|---|---|---|
| HELLO | worker | the version of this protocol; first of all |
| START | host | what to do: prepare, load, or end an environment's building; the offer and its options |
| PROGRESS | worker | a step of that |
| READY | worker | it is done; what the host must know of the engine |
| BEAT | worker | it is alive; twice a second, also while it loads |
| CALL | host | a call of a session's method begins |
| ITEM | both | the next value of a call: what is streamed in, or its results |
| CREDIT | both | that many more items of a call may be sent |
| END | both | no more items of a call come; from the worker: it is over, also after a CANCEL |
| CANCEL | host | nobody wants the results of a call |
| ERROR | worker | a call (0: the start) failed, with which error |
"""
