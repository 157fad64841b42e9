// The page: pictures come in by choosing, dropping, pasting or the webcam, and go to the worker.

import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { mark } from "./marks.js";
import { showFaces, showFailure, showModel, showWaiting } from "./view.js";

const LONG_SIDE = 1200; // pixels of the picture that is shown

const [file, button, picture, result] = ["file", "camera", "picture", "result"].map((id) =>
  document.getElementById(id),
);
const camera = new Camera();
let model = null;
let newest = 0;

document.getElementById("loading-text").textContent = "Loading the models …";

const client = new Client({
  progress: ({ share }) => (document.getElementById("progress").value = share),
  failed: ({ message }) => fail(message),
  ready(loaded) {
    model = loaded;
    showModel(model);
    document.getElementById("loading").hidden = true;
    file.disabled = button.disabled = false;
  },
});

function fail(message) {
  document.getElementById("loading").hidden = true;
  showFailure(result, message);
}

/** Classify a picture and show it, unless a newer one has come meanwhile. */
async function show(source) {
  if (!model) return;
  stopCamera();
  const id = ++newest;
  showWaiting(result);
  try {
    const given = await client.classify(source, LONG_SIDE);
    if (id !== newest) return given.preview.close();
    present(given);
    if (result.getBoundingClientRect().top > innerHeight / 2) picture.scrollIntoView();
  } catch (error) {
    if (id !== newest) return;
    picture.hidden = true;
    showFailure(result, error.message);
  }
}

function present(given) {
  mark(picture, given, model.facts.labels);
  showFaces(result, given, model);
}

async function watch() {
  const id = ++newest;
  try {
    button.disabled = true;
    await camera.start();
    button.textContent = "Stop the webcam";
    result.setAttribute("aria-live", "off"); // nobody can listen to each frame
    button.disabled = false;
    while (camera.isOn && id === newest) {
      const given = await client.classify(await camera.frame(), LONG_SIDE);
      if (camera.isOn && id === newest) present(given);
    }
  } catch (error) {
    if (id === newest) showFailure(result, error.message);
    stopCamera();
  } finally {
    button.disabled = false;
  }
}

function stopCamera() {
  camera.stop();
  button.textContent = "Use the webcam";
  result.setAttribute("aria-live", "polite");
}

file.addEventListener("change", () => {
  if (file.files.length) show(file.files[0]);
  file.value = ""; // the same picture may be chosen again
});
button.addEventListener("click", () => (camera.isOn ? stopCamera() : watch()));
addEventListener("pagehide", stopCamera);
document.addEventListener("visibilitychange", () => document.hidden && stopCamera());
addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) show(clipboardData.files[0]);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files.length) show(event.dataTransfer.files[0]);
});
