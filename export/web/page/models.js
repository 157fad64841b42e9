// onnxruntime-web with the detector and the form of the model that is correct in this browser.

import { classify } from "./classifier.js";
import { loadFacts, loadFile, LoadError } from "./files.js";
import { open, pixelsOf } from "./image.js";
import * as ort from "./onnxruntime/ort.wasm.min.js";

const MOST_THREADS = 4;
const CHECK_MS = 500; // for the check images; those that show most come first
const CHECK_CHUNK = 4;

/**
 * Load all that is needed to classify.
 *
 * @param {Function} onProgress Called with the share that has come, 0..1.
 */
export async function loadModels(onProgress) {
  const facts = await loadFacts();
  const progress = counter([facts.runtime, facts.detector, facts.forms[0]], onProgress);
  const [runtime, detector, model] = await Promise.all(
    [facts.runtime, facts.detector, facts.forms[0]].map((file) => loadFile(file, progress)),
  );
  const threads = prepareRuntime(runtime);
  const network = await openSession(detector, facts.detector.file);
  const chosen = await firstCorrect(facts, model);
  return {
    facts,
    threads,
    precision: chosen.precision,
    detect: (planes, shape) => runDetector(network, planes, shape),
    classify: (squares) => classify(ort, chosen.session, facts, squares),
  };
}

function counter(files, onProgress) {
  const all = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  return (bytes) => onProgress((done += bytes) / all);
}

/** Threads need memory that is shared, which browsers give to isolated pages alone. */
function prepareRuntime(wasm) {
  const threads = self.crossOriginIsolated
    ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1)
    : 1;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmBinary = wasm.buffer;
  ort.env.wasm.wasmPaths = {
    mjs: new URL("./onnxruntime/ort-wasm-simd-threaded.js", import.meta.url).href,
  };
  ort.env.logLevel = "error";
  return threads;
}

async function openSession(content, file) {
  try {
    return await ort.InferenceSession.create(content, {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
      logSeverityLevel: 4,
    });
  } catch (error) {
    throw new LoadError(`${file} cannot be opened in this browser: ${oneLine(error)}`);
  }
}

async function runDetector(network, planes, shape) {
  const { loc, conf, landmarks } = await network.run({
    input: new ort.Tensor("float32", planes, shape),
  });
  return { loc: loc.data, conf: conf.data, landmarks: landmarks.data };
}

/** INT8, or fp32 where INT8 does not give in WebAssembly what it gave at export. */
async function firstCorrect(facts, firstContent) {
  let trouble;
  for (const [index, form] of facts.forms.entries()) {
    try {
      const content = index ? await loadFile(form) : firstContent;
      const session = await openSession(content, form.file);
      await check(session, facts, form);
      return { session, precision: form.precision };
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      trouble = error;
    }
  }
  throw trouble;
}

async function check(session, facts, form) {
  if (!facts.checks || !form.expected) return;
  const images = await checkImages(facts);
  const start = performance.now();
  for (let at = 0; at < images.length; at += CHECK_CHUNK) {
    const given = await classify(ort, session, facts, images.slice(at, at + CHECK_CHUNK));
    const off = given.map((labels, i) => difference(labels.flat(), form.expected[at + i]));
    const largest = Math.max(...off);
    if (!(largest <= form.tolerance)) {
      throw new LoadError(
        `The model (${form.precision}) does not give in this browser what it gave at export: a ` +
          `probability is off by ${largest.toFixed(2)} on drawn images.`,
      );
    }
    if (performance.now() - start > CHECK_MS) return;
  }
}

function difference(given, expected) {
  return Math.max(...given.map((p, index) => Math.abs(p - expected[index])));
}

async function checkImages({ checks, input }) {
  const { bitmap } = await open(new Blob([await loadFile(checks)]));
  const { data } = pixelsOf(bitmap);
  bitmap.close();
  const area = input.size * input.size * 3;
  return Array.from({ length: data.length / area }, (_, index) =>
    data.subarray(index * area, (index + 1) * area),
  );
}

function oneLine(error) {
  return String(error?.message ?? error).replace(/\s+/g, " ").slice(0, 200);
}
