// Sound through a model to the loudspeaker: source, original delayed as much as the model delays, and what is heard of both.

const REMEMBERED = 32768; // samples that a picture may be late

/** One playing of one source; made anew for every start. */
export class Player {
  /**
   * @param {AudioContext} context at the rate of the vocoder
   * @param {import("../wavehax.js").LiveVoice} voice
   */
  constructor(context, voice) {
    this.context = context;
    this.voice = voice;
    this.original = new DelayNode(context, { delayTime: voice.delay / context.sampleRate, maxDelayTime: 4 });
    this.heardOriginal = new GainNode(context, { gain: 0 });
    this.heardMade = new GainNode(context, { gain: 1 });
    this.originalAnalyser = new AnalyserNode(context, { fftSize: REMEMBERED, channelCount: 1 });
    this.madeAnalyser = new AnalyserNode(context, { fftSize: REMEMBERED });
    voice.node.connect(this.madeAnalyser).connect(this.heardMade).connect(context.destination);
    this.original.connect(this.originalAnalyser).connect(this.heardOriginal).connect(context.destination);
  }

  hear(original) {
    const now = this.context.currentTime;
    this.heardOriginal.gain.setTargetAtTime(original ? 1 : 0, now, 0.01);
    this.heardMade.gain.setTargetAtTime(original ? 0 : 1, now, 0.01);
  }

  playBuffer(buffer, onEnd) {
    const node = new AudioBufferSourceNode(this.context, { buffer });
    node.onended = () => setTimeout(onEnd, (1000 * this.voice.delay) / this.context.sampleRate + 100);
    this.take(node);
    node.start();
  }

  playMicrophone(stream) {
    this.microphone = stream;
    this.take(new MediaStreamAudioSourceNode(this.context, { mediaStream: stream }));
  }

  take(node) {
    this.source = node;
    node.connect(this.voice.node);
    node.connect(this.original);
  }

  stop() {
    if (this.source instanceof AudioBufferSourceNode) this.source.onended = null;
    this.source?.disconnect();
    this.microphone?.getTracks().forEach((track) => track.stop());
    this.voice.stop();
    for (const node of [this.original, this.originalAnalyser, this.madeAnalyser, this.heardOriginal, this.heardMade]) {
      node.disconnect();
    }
  }
}
