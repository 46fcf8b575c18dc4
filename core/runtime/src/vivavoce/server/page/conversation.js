// The WebSocket of one conversation: binary messages and events in, calls out. See vivavoce/wire/messages.py.

const AUDIO = 1, TRANSCRIPT = 2, ERROR = 3;

const CLOSED = {
  1000: "The conversation has ended.",
  1006: "The connection was lost. Is the server still running?",
  1008: "The server refused this conversation.",
  1009: "The browser sent more sound at once than the server takes.",
  1011: "The server had to end the conversation.",
  1012: "The server is shutting down.",
  1013: "The server has no room for this conversation now. Try again in a moment.",
};

export class Conversation {
  // on: {open, sound(reply, rate, Float32Array), transcript(text, final), error(words), event(object), closed(words, expected)}
  constructor(on) {
    this.on = on;
    this.reply = 0;
    this.leaving = false;
    const address = new URL("/ws" + location.search, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.searchParams.set("events", "1");
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => on.open();
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.takeEvent(JSON.parse(data)) : this.takeBinary(data));
    this.socket.onclose = ({ code }) => on.closed(CLOSED[code] ?? `The connection was closed (code ${code}).`, this.leaving);
  }

  sendPacket(packet) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(packet);
  }

  reportPlayback(reply, playedMs) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "playback", reply, played_ms: Math.round(playedMs) }));
  }

  leave() {
    this.leaving = true;
    this.socket.close(1000);
  }

  takeEvent(event) {
    if (event.type === "reply_started") this.reply = event.reply;
    this.on.event(event);
  }

  takeBinary(data) {
    const view = new DataView(data);
    const text = () => new TextDecoder().decode(data.slice(1));
    switch (view.getUint8(0)) {
      case AUDIO: {
        const samples = new Float32Array((data.byteLength - 5) >> 1);
        for (let at = 0; at < samples.length; at += 1) samples[at] = view.getInt16(5 + 2 * at, true) / 32768;
        this.on.sound(this.reply, view.getUint32(1, false), samples);
        break;
      }
      case TRANSCRIPT:
        this.on.transcript(text(), true);
        break;
      case ERROR:
        this.on.error(text());
        break;
    }
  }
}
