// Bring a detected face into the frame that the models were trained on, as
// inference/detection/alignment.py does; the numbers are explained there.

import { blank } from "./image.js";
import { FILTERS, affine, resize, round } from "./resample.js";

export const FRAME = [178, 218];
export const TEMPLATE = [[69, 112], [108.5, 112], [88.5, 136.2], [72, 152], [105.3, 152]].map(
  (point) => point.map(Math.fround), // as float32 has them
);
export const LEAST_QUALITY = 0.5;

const WEIGHTS = [3, 3, 0.3, 1, 1];
const WEIGHT = WEIGHTS.reduce((a, b) => a + b);
const MISFIT = 10;
const FACE_SIDE = 109;
const SMALLEST = 0.02;

/** Cut out a face; null if its landmarks are nearly one point or it lies outside the picture. */
export function align(image, landmarks) {
  const { turn, shift } = similarity(TEMPLATE, landmarks);
  const size = Math.hypot(...turn);
  const { seen, beyond } = reach(turn, shift, image);
  if (size < SMALLEST || seen[0] >= seen[2] || seen[1] >= seen[3]) return null;
  const shrink = Math.max(1, size);
  const [width, height] = [0, 1].map((axis) =>
    Math.max(1, round((seen[axis + 2] - seen[axis]) / shrink)),
  );
  const options = { box: seen, reducingGap: 1.5 };
  const part = resize(image, [width, height], FILTERS.bicubic, options);
  const margin = beyond.map((pixels) => Math.ceil(pixels / Math.trunc(shrink)));
  const across = (seen[2] - seen[0]) / width;
  const down = (seen[3] - seen[1]) / height;
  const [x, y] = [shift[0] - seen[0], shift[1] - seen[1]];
  return affine(padded(part, margin), FRAME, [
    ...[turn[0] / across, -turn[1] / across, x / across + margin[0]],
    ...[turn[1] / down, turn[0] / down, y / down + margin[1]],
  ]);
}

/** The box of the picture that the frame covers, and what is missing on each side. */
function reach(turn, shift, { width, height }) {
  const corners = [[0, 0], [FRAME[0], 0], [0, FRAME[1]], FRAME].map((corner) =>
    plus(times(turn, corner), shift),
  );
  const spare = 2 + 2 * Math.hypot(...turn);
  const [low, high] = [
    [0, 1].map((axis) => Math.floor(Math.min(...corners.map((c) => c[axis])) - spare)),
    [0, 1].map((axis) => Math.ceil(Math.max(...corners.map((c) => c[axis])) + spare)),
  ];
  const seen = [
    ...low.map((edge) => Math.max(0, edge)),
    ...[Math.min(width, high[0]), Math.min(height, high[1])],
  ];
  const beyond = [seen[0] - low[0], seen[1] - low[1], high[0] - seen[2], high[1] - seen[3]];
  return { seen, beyond };
}

/** Repeat an image's edge by so many pixels on the left, above, on the right and below. */
function padded(image, [left, top, right, bottom]) {
  const result = blank(image.width + left + right, image.height + top + bottom);
  let to = 0;
  for (let y = 0; y < result.height; y++) {
    const row = Math.min(image.height - 1, Math.max(0, y - top)) * image.width;
    for (let x = 0; x < result.width; x++) {
      let from = 3 * (row + Math.min(image.width - 1, Math.max(0, x - left)));
      for (let channel = 0; channel < 3; channel++) result.data[to++] = image.data[from++];
    }
  }
  return result;
}

/** How many pixels of the picture one pixel of the aligned face spans, along a side. */
export function scaleOf(landmarks) {
  return Math.hypot(...similarity(TEMPLATE, landmarks).turn);
}

/** How well landmarks and box fit a face as TEMPLATE shows it, 0..1. */
export function qualityOf(landmarks, [left, top, right, bottom]) {
  const { turn, shift } = similarity(TEMPLATE, landmarks);
  const size = Math.hypot(...turn);
  if (!size || right <= left || bottom <= top) return 0;
  const squares = landmarks.map((point, index) => {
    const back = divided(minus(point, shift), turn);
    return Math.hypot(...minus(back, TEMPLATE[index])) ** 2;
  });
  const misfit = mean(squares) / MISFIT ** 2;
  const spread = Math.min(1, (size * FACE_SIDE) / Math.sqrt((right - left) * (bottom - top)));
  return spread ** 2 / (1 + misfit);
}

/** By how many degrees, -180 to 180, a face is turned clockwise in the picture. */
export function rollOf(landmarks) {
  const { turn } = similarity(TEMPLATE, landmarks);
  return (Math.atan2(turn[1], turn[0]) * 180) / Math.PI;
}

/** turn and shift of turn * point + shift, which moves landmarks closest to others. */
function similarity(source, target) {
  const [startMean, endMean] = [source, target].map((points) =>
    [0, 1].map((axis) => mean(points.map((point) => point[axis]))),
  );
  const start = source.map((point) => minus(point, startMean));
  const end = target.map((point) => minus(point, endMean));
  const spread = mean(start.map((point) => Math.hypot(...point) ** 2));
  const products = end.map((point, index) => times(point, conjugate(start[index])));
  const turn = [0, 1].map((part) => (spread ? mean(products.map((p) => p[part])) / spread : 0));
  return { turn, shift: minus(endMean, times(turn, startMean)) };
}

function mean(values) {
  return values.reduce((sum, value, index) => sum + WEIGHTS[index] * value, 0) / WEIGHT;
}

// Points of the plane as complex numbers.
const plus = (a, b) => [a[0] + b[0], a[1] + b[1]];
const minus = (a, b) => [a[0] - b[0], a[1] - b[1]];
const times = (a, b) => [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
const conjugate = (a) => [a[0], -a[1]];
const divided = (a, b) => times(a, conjugate(b)).map((part) => part / (b[0] ** 2 + b[1] ** 2));
