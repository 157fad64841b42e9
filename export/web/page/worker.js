// The work behind the page: it loads the models and classifies pictures, one after the other.

import { decide } from "./classifier.js";
import { findFaces } from "./finder.js";
import { loadModels } from "./models.js";

const loading = loadModels((share) => postMessage({ kind: "progress", share })).then(
  (models) => {
    const { facts, threads, precision } = models;
    postMessage({ kind: "ready", facts, threads, precision });
    return models;
  },
  (error) => postMessage({ kind: "failed", message: error.message }),
);

let last = Promise.resolve();

onmessage = ({ data: { id, source, longSide } }) => {
  last = last.then(() => answer(id, source, longSide));
};

async function answer(id, source, longSide) {
  try {
    const models = await loading;
    const { result, preview } = await classified(models, source, longSide);
    postMessage({ kind: "faces", id, ...result, preview }, [preview]);
  } catch (error) {
    postMessage({ kind: "error", id, message: error.message });
  }
}

async function classified({ facts, detect, classify }, source, longSide) {
  const { bitmap, faces, ms } = await findFaces(detect, source, facts.input);
  try {
    const start = performance.now();
    const p = await classify(faces.map((face) => face.pixels.data));
    const said = faces.map(({ box, score, quality }, index) => ({
      box,
      score,
      quality,
      predictions: decide(facts.labels, p[index], quality),
    }));
    const size = [bitmap.width, bitmap.height];
    const times = { ...ms, classify: performance.now() - start };
    return { result: { size, faces: said, ms: times }, preview: preview(bitmap, longSide) };
  } finally {
    bitmap.close();
  }
}

/** The picture as it is shown, no larger than it is. */
function preview(bitmap, longSide) {
  const scale = Math.min(1, longSide / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((length) =>
    Math.max(1, Math.round(length * scale)),
  );
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.transferToImageBitmap();
}
