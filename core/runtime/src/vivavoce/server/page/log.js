// The written conversation.

const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

export const asMilliseconds = (value) => `${Math.round(value)} ms`;

export class Log {
  constructor(root, welcome) {
    Object.assign(this, { root, welcome, partial: null, replies: new Map(), latencies: new Map() });
  }

  clear() {
    this.root.replaceChildren(this.welcome);
    this.partial = null;
    this.replies.clear();
    this.latencies.clear();
  }

  user(text, final) {
    if (!this.partial && !text) return;
    const turn = (this.partial ??= this.add("user", "You"));
    turn.classList.toggle("partial", !final);
    turn.querySelector("p").textContent = text;
    if (final) this.partial = null;
    this.showEnd();
  }

  reply(id, text) {
    const turn = this.turnOf(id);
    const words = turn.querySelector("p");
    words.textContent = words.textContent ? `${words.textContent} ${text}` : text;
    this.showEnd();
  }

  interrupted(id, heard) {
    const turn = this.replies.get(id);
    if (!turn) return;
    if (heard) turn.querySelector("p").textContent = `${heard} …`;
    turn.insertBefore(element("div", "note", "interrupted"), turn.querySelector("details"));
  }

  latency(id, voiceToVoiceMs, stagesMs) {
    this.latencies.set(id, { voiceToVoiceMs, stagesMs });
    if (this.replies.has(id)) this.addLatency(id);
  }

  turnOf(id) {
    if (!this.replies.has(id)) {
      this.replies.set(id, this.add("agent", "Agent"));
      if (this.latencies.has(id)) this.addLatency(id);
    }
    return this.replies.get(id);
  }

  addLatency(id) {
    const { voiceToVoiceMs, stagesMs } = this.latencies.get(id);
    const details = element("details", "note");
    const summary = element("summary", "", asMilliseconds(voiceToVoiceMs));
    summary.setAttribute("aria-label", `Answered after ${asMilliseconds(voiceToVoiceMs)}; show the stages`);
    const list = element("dl");
    for (const [stage, at] of Object.entries(stagesMs)) {
      list.append(element("dt", "", stage.replaceAll("_", " ")), element("dd", "", asMilliseconds(at)));
    }
    details.append(summary, list);
    this.replies.get(id).append(details);
    this.showEnd();
  }

  add(className, who) {
    this.welcome.remove();
    const turn = element("article", `turn ${className}`);
    turn.append(element("span", "who", `${who}: `), element("p"));
    this.root.append(turn);
    return turn;
  }

  showEnd() {
    this.root.scrollTop = this.root.scrollHeight;
  }
}
