// The page: a button, a conversation, and the state between them.

import { Conversation } from "./conversation.js";
import { Log, asMilliseconds } from "./log.js";
import { Microphone, whatIsMissing } from "./microphone.js";
import { Player } from "./player.js";

const $ = (id) => document.getElementById(id);
const log = new Log($("log"), $("welcome"));

const HINTS = {
  idle: "Best with headphones",
  connecting: "Connecting …",
  listening: "Listening",
  hearing: "Hearing you",
  speaking: "Speaking: interrupt at any time",
};

let conversation = null;
let microphone = null;
let player = null;
let hearing = false;
let playing = false;

function show(state) {
  $("talk").dataset.state = state;
  $("talk-label").textContent = state === "idle" ? "Start talking" : "End the conversation";
  $("hint").textContent = HINTS[state];
  $("mute").disabled = state === "idle";
}

function showLive() {
  if (conversation) show(playing ? "speaking" : hearing ? "hearing" : "listening");
}

function showConnection(state, words) {
  $("connection").dataset.state = state;
  $("connection").textContent = words;
}

function showError(words) {
  $("error-text").textContent = words;
  $("error").hidden = !words;
}

let shownLevel = 0;

function showLevel(level) {
  if (Math.abs(level - shownLevel) < 0.04) return; // a quiet room draws nothing
  shownLevel = level;
  $("level").animate({ transform: `scale(${1 + level * 0.45})` }, { duration: 90, fill: "forwards" });
}

function setMuted(muted) {
  if (microphone) microphone.muted = muted;
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute").textContent = muted ? "Unmute" : "Mute";
}

function microphoneWords(error) {
  if (error.name === "NotAllowedError") return "The microphone is blocked for this page. Allow it in the browser's address bar and try again.";
  if (error.name === "NotFoundError") return "No microphone was found. Connect one and try again.";
  if (error.name === "NotReadableError") return "The microphone is in use by another program.";
  return error.message;
}

async function start() {
  const missing = whatIsMissing();
  if (missing) return showError(missing);
  showError("");
  show("connecting");
  playing = hearing = false;
  player = new Player({
    onPlayed: (reply, playedMs) => conversation?.reportPlayback(reply, playedMs),
    onPlaying: (now) => { playing = now; showLive(); },
  });
  microphone = new Microphone({
    onPacket: (packet) => conversation?.sendPacket(packet),
    onLevel: showLevel,
    onError: (words) => { showError(words); stop(); },
  });
  const opened = microphone;
  try {
    await Promise.all([player.open(), microphone.open()]);
  } catch (error) {
    stop();
    return showError(microphoneWords(error));
  }
  if (opened !== microphone) return opened.close();
  log.clear();
  $("latency").replaceChildren();
  conversation = new Conversation(handlers);
}

function stop() {
  conversation?.leave();
  microphone?.close();
  player?.close();
  conversation = microphone = player = null;
  setMuted(false);
  show("idle");
  showConnection("off", "Not connected");
}

const handlers = {
  open() {
    showConnection("on", "Connected");
    showLive();
  },
  sound: (reply, rate, samples) => player?.play(reply, rate, samples),
  transcript: (text, final) => log.user(text, final),
  error: (words) => showError(words),
  event(event) {
    switch (event.type) {
      case "user_speech":
        hearing = event.speaking;
        showLive();
        break;
      case "transcript":
        log.user(event.text, event.final);
        break;
      case "reply_text":
        log.reply(event.reply, event.text);
        break;
      case "reply_ended":
        if (event.interrupted) {
          player?.drop();
          log.interrupted(event.reply, event.heard);
        }
        break;
      case "latency":
        log.latency(event.reply, event.voice_to_voice_ms, event.stages_ms);
        showLatency(event.voice_to_voice_ms);
        break;
    }
  },
  closed(words, expected) {
    if (expected) return;
    stop();
    showConnection("failed", "Disconnected");
    if ($("error").hidden) showError(words);
  },
};

function showLatency(voiceToVoiceMs) {
  const value = document.createElement("strong");
  value.textContent = asMilliseconds(voiceToVoiceMs);
  $("latency").replaceChildren(value, "to answer");
}

async function showAgent() {
  try {
    const status = await (await fetch("/status")).json();
    const name = typeof status.agent === "string" ? status.agent : status.agent?.name;
    if (name) $("agent").textContent = document.title = name;
    const { stt, llm, tts } = status.models ?? {};
    $("models").textContent = [stt, llm, tts].filter(Boolean).join(" · ");
    if (status.ready === false) showConnection("off", "Loading");
  } catch {
    showConnection("failed", "Server not reachable");
  }
}

$("talk").onclick = () => ($("talk").dataset.state === "idle" ? start() : stop());
$("mute").onclick = () => setMuted(!microphone?.muted);
$("error-close").onclick = () => showError("");
window.addEventListener("pagehide", stop);
const missing = whatIsMissing();
if (missing) showError(missing);
showAgent();
