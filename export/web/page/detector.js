// Face detection: at which sizes and which way up a picture is searched, as
// inference/detection/detector.py does; the numbers are explained there.

import { LEAST_QUALITY, qualityOf, rollOf } from "./alignment.js";
import { blank } from "./image.js";
import { look, shrunk } from "./retinaface.js";

const LONG_SIDE = 1280;
const SHORT = 256;
const COARSE = 400;
const LARGE = [128, 192];
const SAME = 0.5;
const CLOSE = 0.6;
const SURE = 0.99;
const TRACE = 0.05;
const TURNED = 0.85;
const TILTED = 45;
const GRID = 16;
const TURNS = [90, 180, 270]; // degrees against the clock

/**
 * Find the faces in an image, the highest score first.
 *
 * @param {Function} run Runs the network on planes of pixels.
 * @param {Picture} image
 * @param {number} maxFaces
 */
export async function detect(run, image, maxFaces) {
  const found = await search(run, image);
  let faces = distinct(found.faces);
  const turn = await turnOf(run, image, faces, found.trace);
  if (turn) {
    const { faces: seen } = await search(run, turned(image, turn));
    const back = distinct(seen.map((face) => turnedBack(face, turn, image)));
    if (back.length) faces = back;
  }
  return faces.slice(0, maxFaces);
}

async function search(run, image) {
  const longer = Math.max(image.width, image.height);
  const side = Math.min(Math.max(longer, SHORT), LONG_SIDE);
  const found = await look(run, image, side);
  const [low, high] = LARGE.map((limit) => (limit * longer) / side);
  const hasLarge = found.faces.some((face) => sideOf(face) > high);
  if (side <= 2 * COARSE && !(side > COARSE && hasLarge)) return found;
  const large = await look(run, image, COARSE);
  return {
    faces: [
      ...large.faces.filter((face) => sideOf(face) >= low),
      ...found.faces.filter((face) => sideOf(face) <= high),
    ],
    trace: Math.max(found.trace, large.trace),
  };
}

function sideOf({ box: [left, top, right, bottom] }) {
  return Math.max(0, right - left, bottom - top);
}

/** How to turn a picture in which no face stands upright so that one does; null if it is not to. */
async function turnOf(run, image, faces, trace) {
  const first = uprightScore(faces);
  if (first >= SURE || trace < TRACE) return null;
  const small = shrunk(image, Math.min(Math.max(image.width, image.height), COARSE));
  const side = Math.max(small.width, small.height, SHORT);
  const score = async (picture) => {
    const found = await look(run, picture, side);
    return uprightScore(distinct(found.faces));
  };
  let [turn, best] = [null, -1];
  for (const candidate of TURNS) {
    const reached = await score(turned(small, candidate));
    if (reached > best) [turn, best] = [candidate, reached];
  }
  return best >= TURNED && best > Math.max(first, await score(small)) ? turn : null;
}

function uprightScore(faces) {
  return faces.find(isUpright)?.score ?? 0;
}

function isUpright({ landmarks, quality }) {
  return Math.abs(rollOf(landmarks)) <= TILTED && quality >= LEAST_QUALITY;
}

/** A face for all candidates that cover it: the first's box, the close ones' landmarks. */
function distinct(candidates) {
  const faces = [];
  while (candidates.length) {
    const [first] = candidates;
    const area = areaOf(first);
    const common = candidates.map((other, i) => (i ? shared(first, other) : area));
    const areas = candidates.map(areaOf);
    const close = candidates.filter((_, i) => common[i] > CLOSE * (area + areas[i] - common[i]));
    const landmarks = meanLandmarks(close);
    const { box, score } = first;
    faces.push({ box, score, landmarks, quality: qualityOf(landmarks, box) });
    candidates = candidates.filter((_, i) => common[i] < SAME * Math.min(area, areas[i]));
  }
  return faces.sort((a, b) => b.score - a.score);
}

function meanLandmarks(candidates) {
  const weight = candidates.reduce((sum, { score }) => sum + score, 0);
  return [0, 1, 2, 3, 4].map((point) =>
    [0, 1].map((axis) => {
      const sum = candidates.reduce((s, c) => s + c.score * c.landmarks[point][axis], 0);
      return Math.round((sum / weight) * GRID) / GRID;
    }),
  );
}

function areaOf({ box: [left, top, right, bottom] }) {
  return (right - left) * (bottom - top);
}

function shared({ box: a }, { box: b }) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return Math.max(0, width) * Math.max(0, height);
}

/** Turn an image by 90, 180 or 270 degrees against the clock. */
export function turned(image, degrees) {
  const { width, height } = image;
  const result = degrees === 180 ? blank(width, height) : blank(height, width);
  let to = 0;
  for (let y = 0; y < result.height; y++) {
    for (let x = 0; x < result.width; x++) {
      const [column, row] = {
        90: [width - 1 - y, x],
        180: [width - 1 - x, height - 1 - y],
        270: [y, height - 1 - x],
      }[degrees];
      let from = 3 * (row * width + column);
      for (let channel = 0; channel < 3; channel++) result.data[to++] = image.data[from++];
    }
  }
  return result;
}

function turnedBack({ box, score, landmarks }, degrees, { width, height }) {
  const back = ([x, y]) =>
    ({ 90: [width - y, x], 180: [width - x, height - y], 270: [y, height - x] })[degrees];
  const corners = [back(box.slice(0, 2)), back(box.slice(2))];
  const [xs, ys] = [0, 1].map((axis) => corners.map((corner) => corner[axis]));
  return {
    box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)],
    score,
    landmarks: landmarks.map(back),
  };
}
