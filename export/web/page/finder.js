// Prepare the faces of a picture for a model, as inference/detection/finder.py and data/images.py.

import { FRAME, align, scaleOf } from "./alignment.js";
import { detect } from "./detector.js";
import { open, pixelsOf, reduction } from "./image.js";
import { inReadingOrder } from "./reading_order.js";
import { FILTERS, resize, round } from "./resample.js";

const LONG_SIDE = 1000;
const MAX_FACES = 64;
const FACE_SIDE = 0.75;
const FACE_MIDDLE = 0.54;

/**
 * Find the faces in a picture and cut them out, in the order of their numbers.
 *
 * @param {Function} run Runs the detector's network.
 * @param {Blob|ImageBitmap} source A file, or a frame of the webcam.
 * @param {{size: number, framing: string}} wanted Input of the model.
 * @returns The faces, and the bitmap, which the caller closes.
 */
export async function findFaces(run, source, wanted) {
  const start = performance.now();
  const { bitmap, isJpeg } = source instanceof ImageBitmap ? { bitmap: source } : await open(source);
  try {
    let factor = isJpeg ? reduction(bitmap, LONG_SIDE) : 1;
    let image = pixelsOf(bitmap, factor);
    const decoded = performance.now();
    let faces = await detect(run, image, MAX_FACES);
    const detected = performance.now();
    const lack = factor > 1 ? lackOf(faces, wanted) : 1;
    if (lack > 1) {
      const before = factor;
      factor = reduction(bitmap, Math.ceil(Math.max(image.width, image.height) * lack));
      image = pixelsOf(bitmap, factor);
      faces = faces.map((face) => scaled(face, before / factor));
    }
    const again = performance.now();
    const prepared = faces.map((face) => prepare(image, factor, face, wanted)).filter(Boolean);
    const ms = {
      decode: decoded - start + again - detected,
      detect: detected - decoded,
      align: performance.now() - again,
    };
    return { bitmap, faces: inReadingOrder(prepared), ms };
  } catch (error) {
    bitmap.close();
    throw error;
  }
}

/** By what factor the smallest face is too small to fill the model's input. */
function lackOf(faces, { size, framing }) {
  const smallest = Math.min(...faces.map((face) => scaleOf(face.landmarks)), faces.length ? Infinity : 1);
  const [left, , right] = framed({ width: FRAME[0], height: FRAME[1] }, framing);
  return Math.min(1, size / (right - left)) / Math.max(smallest, 0.01);
}

function scaled({ box, score, landmarks, quality }, factor) {
  const points = landmarks.map((point) => point.map((value) => value * factor));
  return { box: box.map((edge) => edge * factor), score, landmarks: points, quality };
}

function prepare(image, factor, face, wanted) {
  const aligned = align(image, face.landmarks);
  if (!aligned) return null;
  const limits = [image.width, image.height, image.width, image.height];
  const box = face.box.map((edge, i) => round(Math.min(Math.max(edge, 0), limits[i]) * factor));
  return { box, score: face.score, quality: face.quality, pixels: toSquare(aligned, wanted) };
}

/** Resize an image to the square that a classifier sees. */
export function toSquare(image, { size, framing }) {
  const box = framed(image, framing);
  if (framing === "crop") {
    const whole = resize(image, [box[2] - box[0], box[3] - box[1]], FILTERS.bicubic, { box });
    return resize(whole, [size, size], FILTERS.bicubic);
  }
  return resize(image, [size, size], FILTERS.bicubic, { box });
}

function framed({ width, height }, framing) {
  if (framing === "stretch") return [0, 0, width, height];
  const short = Math.min(width, height);
  if (framing === "crop") {
    const [left, top] = [Math.floor((width - short) / 2), Math.floor((height - short) / 2)];
    return [left, top, left + short, top + short];
  }
  const side = FACE_SIDE * short;
  const [left, top] = [(width - side) / 2, FACE_MIDDLE * height - side / 2];
  return [left, top, left + side, top + side];
}
