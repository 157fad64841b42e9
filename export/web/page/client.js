// The page's side of the worker.

/** Starts the worker and hands pictures to it; `on` has a function for each kind of message. */
export class Client {
  #worker;
  #waiting = new Map();
  #next = 0;

  constructor(on) {
    this.#worker = startWorker();
    this.#worker.onmessage = ({ data }) => this.#receive(data, on);
    this.#worker.onerror = () =>
      on.failed({ message: "This browser cannot run the model: it needs WebAssembly and modules in workers." });
  }

  /** Classify a file or a frame; an error has one line for the user as its message. */
  classify(source, longSide) {
    const id = this.#next++;
    const transferred = source instanceof ImageBitmap ? [source] : [];
    this.#worker.postMessage({ id, source, longSide }, transferred);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #receive(data, on) {
    const waiting = this.#waiting.get(data.id);
    this.#waiting.delete(data.id);
    if (data.kind === "faces") waiting.resolve(data);
    else if (data.kind === "error") waiting.reject(new Error(data.message));
    else on[data.kind](data);
  }
}

/** A worker made of a blob is under the page's Content-Security-Policy; one of a URL is not. */
function startWorker() {
  const url = new URL("worker.js", import.meta.url).href;
  const start = new Blob([`import ${JSON.stringify(url)};`], { type: "text/javascript" });
  const blob = URL.createObjectURL(start);
  return new Worker(blob, { type: "module" });
}
