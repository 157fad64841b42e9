// The network RetinaFace: candidates for faces in one look, as inference/detection/retinaface.py.

import { FILTERS, resize, round } from "./resample.js";

const MEAN = [123, 117, 104];
const SCORE = 0.6;
const STRIDES = [[8, [16, 32]], [16, [64, 128]], [32, [256, 512]]]; // with sides of anchors, pixels

/**
 * @typedef {Object} Candidate
 * @property {number[]} box Left, top, right and bottom in pixels of the image.
 * @property {number} score 0.6..1.
 * @property {number[][]} landmarks Five points, in pixels of the image.
 */

/** Search an image at `side` pixels of its longer side; `run` runs the network on a tensor. */
export async function look(run, image, side) {
  const scale = side / Math.max(image.width, image.height);
  const small = scale === 1 ? image : shrunk(image, side);
  const outputs = await run(blob(small), [1, 3, small.height, small.width]);
  return decoded(outputs, small, 1 / scale);
}

/** Resize an image to `side` pixels of its longer side. */
export function shrunk(image, side) {
  const scale = side / Math.max(image.width, image.height);
  const size = [image.width, image.height].map((length) => Math.max(1, round(length * scale)));
  return resize(image, size, FILTERS.bilinear, { reducingGap: 1 });
}

/** Planes of blue, green and red, the mean subtracted. */
function blob({ width, height, data }) {
  const area = width * height;
  const planes = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) {
    for (let channel = 0; channel < 3; channel++) {
      planes[(2 - channel) * area + i] = data[3 * i + channel] - MEAN[channel];
    }
  }
  return planes;
}

/** Turn the network's offsets from its anchors into pixels (variances 0.1 and 0.2). */
function decoded({ loc, conf, landmarks }, size, factor) {
  const faces = [];
  let trace = 0;
  let index = 0;
  for (const anchor of anchors(size)) {
    const score = conf[2 * index + 1];
    trace = Math.max(trace, score);
    if (score > SCORE) faces.push(candidate(loc, landmarks, index, anchor, score, factor));
    index++;
  }
  faces.sort((a, b) => b.score - a.score);
  return { faces, trace };
}

function candidate(loc, points, index, [centerX, centerY, side], score, factor) {
  const [dx, dy, dw, dh] = loc.subarray(4 * index, 4 * index + 4);
  const [x, y] = [centerX + dx * 0.1 * side, centerY + dy * 0.1 * side];
  const [w, h] = [dw, dh].map((offset) => (side * Math.exp(offset * 0.2)) / 2);
  const landmarks = Array.from({ length: 5 }, (_, i) => [
    (centerX + points[10 * index + 2 * i] * 0.1 * side) * factor,
    (centerY + points[10 * index + 2 * i + 1] * 0.1 * side) * factor,
  ]);
  const box = [x - w, y - h, x + w, y + h].map((edge) => edge * factor);
  return { box, score, landmarks };
}

/** Center and side of each anchor, in the network's order. */
function* anchors({ width, height }) {
  for (const [stride, sides] of STRIDES) {
    for (let y = 0; y < Math.ceil(height / stride); y++) {
      for (let x = 0; x < Math.ceil(width / stride); x++) {
        for (const side of sides) yield [(x + 0.5) * stride, (y + 0.5) * stride, side];
      }
    }
  }
}
