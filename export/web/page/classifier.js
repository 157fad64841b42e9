// From the square of a face to class probabilities and decisions, as inference/bundle/schema.py.

import { LEAST_QUALITY } from "./alignment.js";

export const UNCERTAIN = "uncertain";

const CHUNK = 8; // faces a run: memory of a phone

/**
 * Run the model on faces.
 *
 * @param {Object} ort onnxruntime-web.
 * @param {Object} session The model.
 * @param {Object} facts `facts.json`.
 * @param {Uint8ClampedArray[]} squares RGB of each face, size x size.
 * @returns {Promise<number[][][]>} Of each face, for each label, the probability of each class.
 */
export async function classify(ort, session, facts, squares) {
  const all = [];
  for (let start = 0; start < squares.length; start += CHUNK) {
    all.push(...(await run(ort, session, facts, squares.slice(start, start + CHUNK))));
  }
  return all;
}

async function run(ort, session, { input, labels }, squares) {
  const area = input.size * input.size * 3;
  const batch = new Uint8Array(squares.length * area);
  squares.forEach((square, index) => batch.set(square, index * area));
  const shape = [squares.length, input.size, input.size, 3];
  const outputs = await session.run(
    { [input.name]: new ort.Tensor("uint8", batch, shape) },
    labels.map((label) => label.output),
  );
  return squares.map((_, face) => labels.map((label) => probabilities(outputs, label, face)));
}

function probabilities(outputs, { output, classes }, face) {
  const { data } = outputs[output];
  if (classes.length === 2) return [1 - data[face], data[face]];
  return Array.from(data.subarray(face * classes.length, (face + 1) * classes.length));
}

/** What the model says of a face on each label: a class, or that it is uncertain. */
export function decide(labels, probabilitiesOfLabels, quality) {
  const canBeJudged = Math.round(quality * 1e4) / 1e4 >= LEAST_QUALITY;
  return labels.map((label, index) => {
    const p = probabilitiesOfLabels[index];
    return { probabilities: p, decision: canBeJudged ? decisionOf(label, p) : UNCERTAIN };
  });
}

/** The class whose probability is furthest above what it must reach, the last of several. */
export function decisionOf({ classes, least }, p) {
  const needed = least ?? classes.map(() => 1 / classes.length);
  const above = p.map((value, index) => value - needed[index]);
  if (Math.min(...needed) === 1 || !above.every(Number.isFinite)) return UNCERTAIN;
  const best = above.lastIndexOf(Math.max(...above));
  return least && above[best] < 0 ? UNCERTAIN : classes[best];
}
