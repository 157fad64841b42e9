// The files beside the page, with how much of them has come.

/** A file cannot be loaded; the message is one line for the user. */
export class LoadError extends Error {}

/** Load the JSON file that describes the model. */
export async function loadFacts() {
  const response = await request("facts.json");
  return response.json();
}

/**
 * Load a file and see that it is whole.
 *
 * @param {{file: string, bytes: number}} wanted
 * @param {Function} onBytes Called with the number of bytes of each piece that has come.
 */
export async function loadFile({ file, bytes }, onBytes = () => {}) {
  const response = await request(file);
  const content = new Uint8Array(bytes);
  let length = 0;
  for await (const piece of pieces(response.body)) {
    if (length + piece.length > bytes) throw new LoadError(`${file} is not the file that belongs here.`);
    content.set(piece, length);
    length += piece.length;
    onBytes(piece.length);
  }
  if (length < bytes) throw new LoadError(`${file} is cut off: reload the page.`);
  return content;
}

async function request(file) {
  let response;
  try {
    response = await fetch(new URL(file, import.meta.url));
  } catch {
    throw new LoadError(`${file} could not be loaded: is the server still there?`);
  }
  if (!response.ok) throw new LoadError(`${file} could not be loaded (status ${response.status}).`);
  return response;
}

async function* pieces(stream) {
  const reader = stream.getReader(); // Safari cannot loop over a stream itself
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}
