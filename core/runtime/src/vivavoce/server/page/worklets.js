// The two ends of the sound, on the browser's audio thread.

// Hands the microphone on in blocks of 20 ms.
class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round(sampleRate / 50));
    this.filled = 0;
  }

  process([input]) {
    const samples = input[0];
    if (!samples) return true;
    for (let at = 0; at < samples.length; ) {
      const count = Math.min(samples.length - at, this.block.length - this.filled);
      this.block.set(samples.subarray(at, at + count), this.filled);
      this.filled += count;
      at += count;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block, [this.block.buffer]);
        this.block = new Float32Array(Math.round(sampleRate / 50));
        this.filled = 0;
      }
    }
    return true;
  }
}

// Plays chunks one after the other without a gap and says how much of which reply was played.
class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.reply = null;
    this.played = 0;
    this.sinceReport = 0;
    this.silentSamples = 0;
    this.sounding = false;
    this.port.onmessage = ({ data }) => {
      if (data === null) this.drop();
      else this.queue.push({ ...data, at: 0 });
    };
  }

  drop() {
    this.report();
    this.queue = [];
    this.becomeIdle();
  }

  becomeIdle() {
    this.sounding = false;
    this.port.postMessage({ idle: true });
  }

  // `settled`: the device has had the time to sound what was given to it.
  report(settled = false) {
    this.sinceReport = 0;
    if (this.reply !== null) this.port.postMessage({ reply: this.reply, playedMs: (this.played * 1000) / sampleRate, settled });
  }

  process(_, [output]) {
    const samples = output[0];
    let at = 0;
    while (at < samples.length && this.queue.length) {
      const chunk = this.queue[0];
      if (chunk.reply !== this.reply) {
        this.report();
        this.reply = chunk.reply;
        this.played = 0;
      }
      const count = Math.min(samples.length - at, chunk.samples.length - chunk.at);
      samples.set(chunk.samples.subarray(chunk.at, chunk.at + count), at);
      chunk.at += count;
      this.played += count;
      at += count;
      if (chunk.at === chunk.samples.length) this.queue.shift();
    }
    this.sinceReport += samples.length;
    this.silentSamples = at ? 0 : this.silentSamples + samples.length;
    if (at) this.sounding = true;
    const silent = this.silentSamples >= sampleRate / 10; // not just between two chunks
    if (this.sounding && (silent || this.sinceReport >= sampleRate / 10)) this.report(silent);
    if (this.sounding && silent) this.becomeIdle();
    return true;
  }
}

registerProcessor("vivavoce-microphone", Microphone);
registerProcessor("vivavoce-player", Player);
