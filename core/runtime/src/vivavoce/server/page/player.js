// Plays the reply's sound as it arrives. One audio context at the sound's own rate: nothing is resampled chunk by chunk.

const WORKLETS = "/page/worklets.js";

export class Player {
  // onPlayed(reply, playedMs) about ten times a second while sound plays, onPlaying(true|false)
  constructor({ onPlayed, onPlaying }) {
    Object.assign(this, { onPlayed, onPlaying, rate: 0, opening: null, dropped: 0 });
  }

  // Call it from a click, so that the browser lets sound play at all.
  open(rate = 24000) {
    if (rate === this.rate) return this.opening;
    this.close();
    this.rate = rate;
    this.opening = this.start(new AudioContext({ sampleRate: rate, latencyHint: "interactive" }));
    return this.opening;
  }

  async start(context) {
    this.context = context;
    context.resume();
    await context.audioWorklet.addModule(WORKLETS);
    const node = new AudioWorkletNode(context, "vivavoce-player", { numberOfInputs: 0, outputChannelCount: [1] });
    node.port.onmessage = ({ data }) => {
      if (data.idle) this.onPlaying(false);
      else this.onPlayed(data.reply, Math.max(0, data.playedMs - (data.settled ? 0 : 1000 * (context.outputLatency || 0))));
    };
    node.connect(context.destination);
    return node;
  }

  async play(reply, rate, samples) {
    const generation = this.dropped;
    const node = await this.open(rate);
    if (generation !== this.dropped) return;
    node.port.postMessage({ reply, samples }, [samples.buffer]);
    this.onPlaying(true);
  }

  // Silence at once, whatever is still queued.
  async drop() {
    this.dropped += 1;
    const node = await this.opening;
    node?.port.postMessage(null);
  }

  close() {
    this.dropped += 1;
    this.context?.close();
    this.context = null;
    this.opening = null;
    this.rate = 0;
  }
}
