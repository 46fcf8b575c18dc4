// Microphone to Opus packets, encoded by the browser (WebCodecs). The server takes any rate the device has.

const WORKLETS = "/page/worklets.js";

export function whatIsMissing() {
  if (!window.isSecureContext) return "Browsers give a page the microphone only over https or on localhost. Open this page at one of them.";
  if (!navigator.mediaDevices?.getUserMedia) return "This browser gives pages no microphone.";
  if (!window.AudioWorkletNode) return "This browser can't process sound in pages (AudioWorklet). A current Chrome, Edge, Firefox or Safari can.";
  if (!window.AudioEncoder) return "This browser can't encode Opus (WebCodecs AudioEncoder). A current Chrome, Edge or Firefox, or Safari 26, can.";
  return null;
}

export class Microphone {
  // onPacket(Uint8Array), onLevel(0..1), onError(words)
  constructor({ onPacket, onLevel, onError }) {
    Object.assign(this, { onPacket, onLevel, onError, muted: false, timestampUs: 0 });
  }

  async open() {
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    this.stream.getAudioTracks()[0].onended = () => this.onError("The microphone was disconnected.");
    this.context = new AudioContext({ latencyHint: "interactive" });
    await this.context.resume();
    await this.openEncoder(this.context.sampleRate);
    await this.context.audioWorklet.addModule(WORKLETS);
    const node = new AudioWorkletNode(this.context, "vivavoce-microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = ({ data }) => this.encode(data);
    this.context.createMediaStreamSource(this.stream).connect(node);
  }

  async openEncoder(sampleRate) {
    const settings = { codec: "opus", sampleRate, numberOfChannels: 1, bitrate: 32000, opus: { frameDuration: 20000, application: "voip" } };
    const { supported } = await AudioEncoder.isConfigSupported(settings).catch(() => ({ supported: false }));
    if (!supported) throw new Error(`This browser can't encode Opus at ${sampleRate} Hz. Set the sound device to 48000 Hz, or try Chrome or Edge.`);
    this.encoder = new AudioEncoder({
      output: (chunk) => {
        const packet = new Uint8Array(chunk.byteLength);
        chunk.copyTo(packet);
        this.onPacket(packet);
      },
      error: (error) => this.onError(`The browser's Opus encoder failed: ${error.message}`),
    });
    this.encoder.configure(settings);
  }

  encode(samples) {
    if (this.encoder?.state !== "configured") return;
    if (this.muted) samples.fill(0);
    let energy = 0;
    for (const sample of samples) energy += sample * sample;
    this.onLevel(Math.min(1, Math.sqrt(energy / samples.length) * 6));
    const { sampleRate } = this.context;
    const data = new AudioData({
      format: "f32-planar", sampleRate, numberOfChannels: 1, numberOfFrames: samples.length, timestamp: this.timestampUs, data: samples,
    });
    this.timestampUs += Math.round((samples.length * 1e6) / sampleRate);
    this.encoder.encode(data);
    data.close();
  }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    if (this.encoder && this.encoder.state !== "closed") this.encoder.close();
    this.encoder = null;
    if (this.context && this.context.state !== "closed") this.context.close();
  }
}
