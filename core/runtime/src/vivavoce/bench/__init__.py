"""The benchmark: real speech, in real time, over the real WebSocket, to any server that speaks the wire.

The clock starts when the client's microphone has recorded the last voiced sample of the user's speech: the end of the
last 5 ms step of the clean recording that is within 35 dB of its loudest and 10 dB above its own noise, before room
noise is added and before the Opus packet that holds it is complete. It stops when a player without any buffer, at the
client, plays the first sample of the reply that can be heard (at or above -46 dBFS): its message has arrived, all
sound sent before it has been played out, and its place in the message is counted. Client and server share a machine,
so network and sound devices are excluded; Opus coding, packets of 20 ms, the server's decoding, every engine and the
WebSocket are included.

    plan = Plan(load_clips(folder, script), turns=30)
    async with served(Path("agent.yaml"), script=plan.write_script(path)) as server:
        report = await measure(WebLine(server.url), plan)
    report.figures()["p50_ms"]

A server needs to know no more than the three messages of the wire; stages, waste and the moment of an interruption's
decision are read from events and `/status` where there are any. A simulated speech-to-text elsewhere takes its words
from `Plan.write_script` and must begin each connection at the entry that `?script_from=N` in the URL names: after a
turn that went wrong, the rest is said in a new connection.

On virtual time (`run_virtually`) an agent of simulated engines is served in this process, and nothing that the machine
does takes time:

    async with served_here(definition, script=path) as line:
        report = await measure(line, plan)
"""

from vivavoce.bench.barge_in import BargeIn
from vivavoce.bench.chart import latency_chart, trade_off_chart
from vivavoce.bench.clips import Clip, Word, load_clips
from vivavoce.bench.crowd import Load, measure_load
from vivavoce.bench.gates import missed_gates, parse_gates
from vivavoce.bench.line import Line, WebLine
from vivavoce.bench.listening import listen
from vivavoce.bench.measure import Progress, measure, measure_side_by_side
from vivavoce.bench.outcome import TurnOutcome
from vivavoce.bench.plan import PAUSES_MS, Plan
from vivavoce.bench.rehearsal import rehearse
from vivavoce.bench.report import Report, percentile
from vivavoce.bench.served import Served, served
from vivavoce.bench.table import pauses_table, report_table, stages_table
from vivavoce.bench.virtual import MemoryLine, check_virtual, run_virtually, served_here

__all__ = [
    "PAUSES_MS",
    "BargeIn",
    "Clip",
    "Line",
    "Load",
    "MemoryLine",
    "Plan",
    "Progress",
    "Report",
    "Served",
    "TurnOutcome",
    "WebLine",
    "Word",
    "check_virtual",
    "latency_chart",
    "listen",
    "load_clips",
    "measure",
    "measure_load",
    "measure_side_by_side",
    "missed_gates",
    "parse_gates",
    "pauses_table",
    "percentile",
    "rehearse",
    "report_table",
    "run_virtually",
    "served",
    "served_here",
    "stages_table",
    "trade_off_chart",
]
