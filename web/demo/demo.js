// The page: what its controls say, and what it shows. player.js plays, spectrogram.js draws.
import { load, loadInWorker } from "../wavehax.js";
import { Player } from "./player.js";
import { Spectrogram } from "./spectrogram.js";
import { wavFile } from "./wav.js";

const element = (id) => document.getElementById(id);
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const PATIENCE = 10_000; // ms that a sound device may take to start
const pictures = [new Spectrogram(element("original")), new Spectrogram(element("made"))];

let vocoder = null; // and the name of its model
let vocoderName = null;
let context = null;
let player = null;
let busy = false;

function say(text, error = false) {
  element("message").textContent = text;
  element("message").classList.toggle("error", error);
}

function showProgress(done, total) {
  const bar = element("progress");
  bar.hidden = false;
  if (total) {
    bar.max = total;
    bar.value = done;
  } else {
    bar.removeAttribute("value");
  }
}

function pitch() {
  const monotone = element("monotone").checked ? element("monotone-hz").valueAsNumber : null;
  return {
    f0Scale: 2 ** (element("semitones").valueAsNumber / 12),
    monotone: Number.isNaN(monotone) ? null : monotone,
    whisper: element("whisper").checked,
  };
}

// The file itself, and what names it.
function modelSource() {
  const value = element("model").value;
  if (value !== "own") return { name: value.split("/").at(-1).replace(".safetensors", ""), source: value };
  const file = element("model-file").files[0];
  if (!file) throw new Error("choose a model file first");
  return { name: `${file.name}, ${file.size}, ${file.lastModified}`, file, label: file.name };
}

async function modelVocoder() {
  const { name, source, file, label = name } = modelSource();
  if (vocoderName === name) return vocoder;
  say(`Loading ${label} …`);
  try {
    const loaded = await load(file ? await file.arrayBuffer() : source, { onProgress: showProgress });
    vocoder?.free();
    [vocoder, vocoderName] = [loaded, name];
  } catch (error) {
    throw new Error(`${label}: ${error.message}`, { cause: error });
  }
  const highest = vocoder.config.features.f_max;
  element("top").textContent = `${Math.round(highest / 1000)} kHz`;
  return vocoder;
}

async function makeContext(sampleRate) {
  if (context?.sampleRate === sampleRate) return;
  await context?.close();
  context = new AudioContext({ sampleRate, latencyHint: "interactive" });
}

// Firefox without a sound device never answers.
async function startContext() {
  const refusal = new Error("no sound: the browser finds no device to play on");
  const late = new Promise((_, reject) => setTimeout(reject, PATIENCE, refusal));
  await Promise.race([context.resume(), late]);
}

async function soundBuffer() {
  if (chosen("source") === "sample") {
    const response = await fetch(element("sample").value);
    if (!response.ok) throw new Error(`the sample is not there: ${response.status} ${response.statusText}`);
    return context.decodeAudioData(await response.arrayBuffer());
  }
  const file = element("file").files[0];
  if (!file) throw new Error("choose a sound file first");
  try {
    return await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error(`${file.name}: this browser cannot read it as sound`);
  }
}

async function microphone() {
  if (!navigator.mediaDevices) throw new Error("the microphone needs https, or a page of localhost");
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Error(`no microphone: ${error.message}`, { cause: error });
  }
}

async function start() {
  const model = await modelVocoder();
  await makeContext(model.sampleRate);
  await startContext();
  const live = chosen("source") === "microphone";
  const sound = live ? await microphone() : await soundBuffer();
  player = new Player(context, await model.live(context, pitch()));
  player.hear(chosen("heard") === "original");
  const highest = model.config.features.f_max;
  pictures[0].attach(player.originalAnalyser, highest);
  pictures[1].attach(player.madeAnalyser, highest);
  if (live) player.playMicrophone(sound);
  else player.playBuffer(sound, stop);
  say(live ? "Speak." : "Playing.");
  element("play").textContent = "Stop";
  draw(player);
  measure(player);
}

function stop() {
  player.stop();
  player = null;
  say("");
  element("play").textContent = "Play";
}

// With what was chosen meanwhile.
function restart() {
  if (!player) return;
  attempt(async () => {
    stop();
    await start();
  });
}

function draw(of) {
  if (player !== of) return;
  for (const picture of pictures) picture.listen();
  for (const picture of pictures) picture.draw();
  requestAnimationFrame(() => draw(of));
}

async function measure(of) {
  const { seconds, busySeconds, underruns } = await of.voice.stats();
  if (player !== of) return;
  const ms = (value) => `${Math.round(1000 * value)} ms`;
  element("delay").textContent = ms(of.voice.delay / context.sampleRate);
  element("device-delay").textContent = ms(context.baseLatency + (context.outputLatency || 0));
  if (seconds > 0.5) {
    const times = busySeconds > 0 ? Math.round(seconds / busySeconds) : "∞";
    element("factor").textContent = `${(busySeconds / seconds).toFixed(3)} (${times}×)`;
  }
  element("underruns").textContent = String(underruns);
  setTimeout(() => measure(of), 250);
}

// A whole file, in a Worker.
async function save() {
  if (chosen("source") === "microphone") throw new Error("choose a sample or a file to save");
  const model = await modelVocoder();
  await makeContext(model.sampleRate);
  const buffer = await soundBuffer();
  const mono = new OfflineAudioContext(1, buffer.length, buffer.sampleRate);
  const source = new AudioBufferSourceNode(mono, { buffer });
  source.connect(mono.destination);
  source.start();
  const audio = (await mono.startRendering()).getChannelData(0);
  say("Computing …");
  const worker = await loadInWorker(model.bytes);
  const begun = performance.now();
  try {
    const samples = await worker.resynth(audio, { ...pitch(), onProgress: showProgress });
    offer(wavFile(samples, model.sampleRate));
    const seconds = (performance.now() - begun) / 1000;
    say(`${buffer.duration.toFixed(1)} s of sound in ${seconds.toFixed(1)} s.`);
  } finally {
    worker.free();
  }
}

function offer(blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "wavehax.wav";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Buttons stay focused, so that the keyboard stays where it is.
function showBusy(value) {
  busy = value;
  for (const name of ["play", "save"]) element(name).setAttribute("aria-disabled", String(value));
}

// One thing at a time; what goes wrong is said.
async function attempt(work) {
  if (busy) return;
  showBusy(true);
  try {
    await work();
  } catch (error) {
    say(error.message, true);
  } finally {
    element("progress").hidden = true;
    showBusy(false);
  }
}

function changed() {
  const semitones = element("semitones").valueAsNumber;
  const unit = Math.abs(semitones) === 1 ? "semitone" : "semitones";
  element("semitones-value").textContent = `${semitones > 0 ? "+" : ""}${semitones} ${unit}`;
  element("own-model").hidden = element("model").value !== "own";
  if (!player) return;
  player.hear(chosen("heard") === "original");
  try {
    player.voice.set(pitch());
  } catch (error) {
    say(error.message, true);
  }
}

element("play").addEventListener("click", () => attempt(async () => (player ? stop() : start())));
element("save").addEventListener("click", () => attempt(save));
element("controls").addEventListener("input", changed);
element("controls").addEventListener("submit", (event) => event.preventDefault());
element("file").addEventListener("change", () => {
  document.querySelector('input[name="source"][value="file"]').checked = true;
});
for (const name of ["sample", "model", "file", "model-file"]) element(name).addEventListener("change", restart);
for (const radio of document.querySelectorAll('input[name="source"]')) radio.addEventListener("change", restart);
changed();
