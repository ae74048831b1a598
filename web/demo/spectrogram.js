// A picture of what an AnalyserNode hears, that moves to the left. Its columns are of the sound itself, so that a page that
// draws rarely draws the same.
import { Transform } from "./transform.js";

const SIZE = 2048; // samples of a window
const LOWEST = 100; // Hz
const QUIETEST = -90; // dB, of a sine: black
const LOUDEST = -15;
const COLUMNS_PER_SECOND = 150;

// Black to yellow through violet and red, evenly lighter.
const COLOURS = [
  [0, 0, 4],
  [40, 11, 84],
  [101, 21, 110],
  [159, 42, 99],
  [212, 72, 66],
  [245, 125, 21],
  [250, 193, 39],
  [252, 255, 164],
];

function colourTable() {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; ++i) {
    const place = (i / 255) * (COLOURS.length - 1);
    const low = Math.min(Math.floor(place), COLOURS.length - 2);
    const [r, g, b] = COLOURS[low].map((c, k) => Math.round(c + (place - low) * (COLOURS[low + 1][k] - c)));
    table[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}

const TABLE = colourTable();
// Hann's, of a gain that shows a sine of full scale at 0 dB.
const WINDOW = new Float64Array(SIZE).map((_, n) => (2 / SIZE) * (1 - Math.cos((2 * Math.PI * n) / SIZE)));

export class Spectrogram {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.column = this.pen.createImageData(1, canvas.height);
    this.pixels = new Uint32Array(this.column.data.buffer);
    this.transform = new Transform(SIZE);
    this.levels = new Float64Array(SIZE / 2 + 1);
    this.pen.fillRect(0, 0, canvas.width, canvas.height);
  }

  /** Hears `analyser`, whose fftSize is what it remembers, from now on; the top is at `highest` Hz. */
  attach(analyser, highest) {
    const { sampleRate, currentTime } = analyser.context;
    this.analyser = analyser;
    this.sound = new Float32Array(analyser.fftSize);
    this.step = sampleRate / COLUMNS_PER_SECOND;
    this.drawn = Math.floor(currentTime * COLUMNS_PER_SECOND); // columns
    const octaves = Math.log2(highest / LOWEST);
    this.bins = Array.from(this.pixels, (_, row) => {
      const hz = LOWEST * 2 ** (octaves * (1 - (row + 0.5) / this.pixels.length));
      return (hz * SIZE) / sampleRate;
    });
  }

  /** Takes what the analyser remembers, which goes on while a page computes. */
  listen() {
    this.analyser.getFloatTimeDomainData(this.sound);
    this.heard = this.analyser.context.currentTime;
  }

  /** Draws what was heard since the last call, as far back as is remembered. */
  draw() {
    const now = Math.floor(this.heard * COLUMNS_PER_SECOND);
    const remembered = Math.floor((this.sound.length - SIZE) / this.step);
    const columns = Math.min(now - this.drawn, remembered, this.canvas.width);
    this.drawn = now;
    if (columns < 1) return;
    this.pen.drawImage(this.canvas, -columns, 0);
    const last = this.sound.length - SIZE;
    for (let back = columns; back-- > 0; ) this.drawColumn(last - Math.round(back * this.step), back);
  }

  drawColumn(first, back) {
    this.transform.power(this.sound, first, WINDOW, this.levels);
    for (let row = 0; row < this.pixels.length; ++row) this.pixels[row] = this.colour(this.bins[row]);
    this.pen.putImageData(this.column, this.canvas.width - 1 - back, 0);
  }

  colour(bin) {
    const low = Math.floor(bin);
    const high = Math.min(low + 1, this.levels.length - 1);
    const power = this.levels[low] + (bin - low) * (this.levels[high] - this.levels[low]);
    const shade = Math.round((255 * (10 * Math.log10(power + 1e-30) - QUIETEST)) / (LOUDEST - QUIETEST));
    return TABLE[Math.min(255, Math.max(0, shade))];
  }
}
