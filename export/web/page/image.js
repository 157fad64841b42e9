// Pictures as RGB pixels: decoded by the browser, turned upright by EXIF, transparency on white.

/**
 * @typedef {Object} Picture
 * @property {number} width Pixels.
 * @property {number} height Pixels.
 * @property {Uint8ClampedArray} data RGB, row by row, 0..255.
 */

export const MAX_PIXELS = 80_000_000; // as data/images.py

const MAX_BYTES = 500_000_000;
const STRIP_PIXELS = 1_000_000; // a canvas of a whole photo is more than some phones have

/** An image cannot be used; the message is one line for the user. */
export class ImageError extends Error {}

/** An empty picture. */
export function blank(width, height) {
  return { width, height, data: new Uint8ClampedArray(width * height * 3) };
}

/** Decode a file; returns an ImageBitmap, upright, and whether it is a JPEG. */
export async function open(file) {
  if (file.size === 0) throw new ImageError("Empty file (0 bytes).");
  if (file.size > MAX_BYTES) throw new ImageError("Too large: the limit is 500 MB.");
  const start = new Uint8Array(await file.slice(0, 3).arrayBuffer());
  const isJpeg = start[0] === 0xff && start[1] === 0xd8 && start[2] === 0xff;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new ImageError(
      "Not an image, damaged, or of a kind that this browser does not read: try JPEG or PNG.",
    );
  }
  if (bitmap.width * bitmap.height > MAX_PIXELS) {
    bitmap.close();
    throw new ImageError("Too large: the limit is 80 million pixels.");
  }
  return { bitmap, isJpeg };
}

/**
 * By how much a picture is reduced before it is searched, as Pillow's decoder does with a JPEG:
 * to 1/2, 1/4 or 1/8, the longer side still at least `longSide`.
 */
export function reduction({ width, height }, longSide) {
  const scale = Math.floor(Math.max(width, height) / longSide);
  return [8, 4, 2, 1].find((factor) => scale >= factor) ?? 1;
}

/** Read a bitmap's pixels; one of the result is the mean of a block of factor x factor. */
export function pixelsOf(bitmap, factor = 1) {
  const { width, height } = bitmap;
  const picture = blank(Math.ceil(width / factor), Math.ceil(height / factor));
  const rows = Math.max(1, Math.floor(STRIP_PIXELS / width / factor)) * factor;
  const context = new OffscreenCanvas(width, Math.min(rows, height)).getContext("2d", {
    willReadFrequently: true,
  });
  for (let top = 0; top < height; top += rows) {
    const part = Math.min(rows, height - top);
    context.fillStyle = "white";
    context.fillRect(0, 0, width, part);
    context.drawImage(bitmap, 0, top, width, part, 0, 0, width, part);
    const { data } = context.getImageData(0, 0, width, part);
    (factor === 1 ? copyRows : averageBlocks)(data, width, part, picture, top / factor, factor);
  }
  return picture;
}

function copyRows(rgba, width, rows, picture, top) {
  let to = top * width * 3;
  for (let from = 0; from < width * rows * 4; from += 4) {
    picture.data[to++] = rgba[from];
    picture.data[to++] = rgba[from + 1];
    picture.data[to++] = rgba[from + 2];
  }
}

function averageBlocks(rgba, width, rows, picture, top, factor) {
  let to = top * picture.width * 3;
  for (let y = 0; y < rows; y += factor) {
    for (let x = 0; x < width; x += factor) {
      const right = Math.min(x + factor, width);
      const bottom = Math.min(y + factor, rows);
      const count = (right - x) * (bottom - y);
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let row = y; row < bottom; row++) {
          for (let i = row * width + x; i < row * width + right; i++) sum += rgba[4 * i + channel];
        }
        picture.data[to++] = sum / count;
      }
    }
  }
}
