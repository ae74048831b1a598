// A picture of what an AnalyserNode hears, a column for every hundredth of a second or so, that moves to the left.

const LOWEST = 100; // Hz
const QUIETEST = -100; // dB
const LOUDEST = -30;
const COLUMNS_PER_SECOND = 150;

// Black to yellow through violet and red, evenly lighter.
const COLOURS = [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];

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

export class Spectrogram {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.column = this.pen.createImageData(1, canvas.height);
    this.pixels = new Uint32Array(this.column.data.buffer);
    this.clear();
  }

  clear() {
    this.pen.fillStyle = "#000004";
    this.pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Hears `analyser` from now on, up to `highest` Hz. */
  attach(analyser, highest) {
    const { sampleRate, currentTime } = analyser.context;
    this.analyser = analyser;
    this.levels = new Float32Array(analyser.frequencyBinCount);
    this.drawn = currentTime;
    const octaves = Math.log2(highest / LOWEST);
    this.bins = Array.from(this.pixels, (_, row) => {
      const hz = LOWEST * 2 ** (octaves * (1 - (row + 0.5) / this.pixels.length));
      return (hz * analyser.fftSize) / sampleRate;
    });
  }

  /** Draws the time since the last call. */
  draw() {
    const now = this.analyser.context.currentTime;
    const columns = Math.min(Math.floor((now - this.drawn) * COLUMNS_PER_SECOND), this.canvas.width);
    if (columns < 1) return;
    this.drawn += columns / COLUMNS_PER_SECOND;
    this.analyser.getFloatFrequencyData(this.levels);
    for (let row = 0; row < this.pixels.length; ++row) this.pixels[row] = this.colour(this.bins[row]);
    const { width } = this.canvas;
    this.pen.drawImage(this.canvas, -columns, 0);
    for (let i = 1; i <= columns; ++i) this.pen.putImageData(this.column, width - i, 0);
  }

  colour(bin) {
    const low = Math.floor(bin);
    const high = Math.min(low + 1, this.levels.length - 1);
    const level = this.levels[low] + (bin - low) * (this.levels[high] - this.levels[low]);
    const shade = Math.round((255 * (level - QUIETEST)) / (LOUDEST - QUIETEST));
    return TABLE[Number.isFinite(shade) ? Math.min(255, Math.max(0, shade)) : 0];
  }
}
