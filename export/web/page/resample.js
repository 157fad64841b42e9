// Resizing and affine transforms that give the same pixels as Pillow's, to the last bit: the models
// were trained on those. A canvas scales otherwise in every browser.

import { blank } from "./image.js";

const PRECISION = 22; // bits behind the point of Pillow's filter weights
const HALF = 1 << (PRECISION - 1);

const triangle = { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };

const cubic = {
  support: 2,
  weight(x) {
    const a = -0.5;
    x = Math.abs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  },
};

export const FILTERS = { bilinear: triangle, bicubic: cubic };

/**
 * Pillow's `Image.resize`.
 *
 * @param {Picture} image
 * @param {number[]} size Width and height of the result.
 * @param {{support: number, weight: Function}} filter One of FILTERS.
 * @param {{box?: number[], reducingGap?: number}} options The part of the image to resize, and by
 *   how much it may be reduced by whole factors first, see Pillow.
 */
export function resize(image, [width, height], filter, { box, reducingGap } = {}) {
  box ??= [0, 0, image.width, image.height];
  if (width === image.width && height === image.height && isWhole(box, image)) return image;
  if (reducingGap) [image, box] = reducedFirst(image, box, [width, height], filter, reducingGap);
  box = box.map(Math.fround);
  const [left, top, right, bottom] = box;
  if (width !== image.width || left !== 0 || right !== width) {
    image = resizedAcross(image, width, weights(image.width, left, right, width, filter));
  }
  if (height !== image.height || top !== 0 || bottom !== height) {
    image = resizedDown(image, height, weights(image.height, top, bottom, height, filter));
  }
  return image;
}

function isWhole([left, top, right, bottom], { width, height }) {
  return left === 0 && top === 0 && right === width && bottom === height;
}

function reducedFirst(image, box, [width, height], filter, gap) {
  const [left, top, right, bottom] = box;
  const scaleX = (right - left) / width;
  const scaleY = (bottom - top) / height;
  const x = Math.floor(scaleX / gap) || 1;
  const y = Math.floor(scaleY / gap) || 1;
  if (x === 1 && y === 1) return [image, box];
  const beyond = filter.support - 0.5;
  const part = [
    Math.max(0, Math.trunc(left - beyond * scaleX)),
    Math.max(0, Math.trunc(top - beyond * scaleY)),
    Math.min(image.width, Math.ceil(right + beyond * scaleX)),
    Math.min(image.height, Math.ceil(bottom + beyond * scaleY)),
  ];
  const [l, t] = part;
  const inside = [(left - l) / x, (top - t) / y, (right - l) / x, (bottom - t) / y];
  return [reduced(image, part, x, y), inside];
}

/** Pillow's `Image.reduce`: means of blocks, smaller ones at the right and lower edge. */
function reduced(image, [left, top, right, bottom], factorX, factorY) {
  const result = blank(Math.ceil((right - left) / factorX), Math.ceil((bottom - top) / factorY));
  let to = 0;
  for (let y = top; y < bottom; y += factorY) {
    const low = Math.min(y + factorY, bottom);
    for (let x = left; x < right; x += factorX) {
      const end = Math.min(x + factorX, right);
      const count = (end - x) * (low - y);
      const share = Math.floor(2 ** 32 / (256 * count)); // Pillow divides by a multiplication
      for (let channel = 0; channel < 3; channel++) {
        let sum = count >> 1;
        for (let row = y; row < low; row++) {
          const line = row * image.width;
          for (let i = line + x; i < line + end; i++) sum += image.data[3 * i + channel];
        }
        result.data[to++] = Math.floor((sum * share) / 2 ** 24);
      }
    }
  }
  return result;
}

/** For each pixel of the result the first pixel that it sees, and the weights from there on. */
function weights(length, start, end, size, filter) {
  const scale = (end - start) / size;
  const stretch = Math.max(1, scale);
  const support = filter.support * stretch;
  return Array.from({ length: size }, (_, index) => {
    const center = start + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(length, Math.trunc(center + support + 0.5));
    const seen = Array.from({ length: last - first }, (_, i) =>
      filter.weight((i + first - center + 0.5) * (1 / stretch)),
    );
    const sum = seen.reduce((a, b) => a + b, 0);
    return { first, values: Int32Array.from(seen, (w) => fixed(sum ? w / sum : w)) };
  });
}

function fixed(weight) {
  return Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * (1 << PRECISION));
}

function resizedAcross(image, width, columns) {
  const result = blank(width, image.height);
  const from = image.data;
  let to = 0;
  for (let y = 0; y < image.height; y++) {
    for (const { first, values } of columns) {
      let r = HALF, g = HALF, b = HALF;
      let i = 3 * (y * image.width + first);
      for (let k = 0; k < values.length; k++, i += 3) {
        r += from[i] * values[k];
        g += from[i + 1] * values[k];
        b += from[i + 2] * values[k];
      }
      result.data[to++] = r >> PRECISION;
      result.data[to++] = g >> PRECISION;
      result.data[to++] = b >> PRECISION;
    }
  }
  return result;
}

function resizedDown(image, height, rows) {
  const result = blank(image.width, height);
  const from = image.data;
  const stride = 3 * image.width;
  let to = 0;
  for (const { first, values } of rows) {
    for (let x = 0; x < stride; x++) {
      let sum = HALF;
      let i = first * stride + x;
      for (let k = 0; k < values.length; k++, i += stride) sum += from[i] * values[k];
      result.data[to++] = sum >> PRECISION;
    }
  }
  return result;
}

/**
 * Pillow's `Image.transform` by AFFINE and BICUBIC; what lies outside the image is black.
 *
 * @param {Picture} image
 * @param {number[]} size Width and height of the result.
 * @param {number[]} coefficients a to f: a pixel x, y of the result is at ax + by + c, dx + ey + f.
 */
export function affine(image, [width, height], [a, b, c, d, e, f]) {
  const result = blank(width, height);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const across = a * (x + 0.5) + b * (y + 0.5) + c;
      const down = d * (x + 0.5) + e * (y + 0.5) + f;
      if (across < 0 || across >= image.width || down < 0 || down >= image.height) continue;
      sample(image, across - 0.5, down - 0.5, result.data, to);
    }
  }
  return result;
}

const columns = new Int32Array(4); // kept: a face has 39,000 pixels
const rows = new Int32Array(4);
const lines = new Float64Array(4);

function sample({ width, height, data }, x, y, result, to) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  for (let i = 0; i < 4; i++) {
    columns[i] = 3 * clamp(left + i - 1, width);
    rows[i] = 3 * width * clamp(top + i - 1, height);
  }
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < 4; i++) {
      const at = rows[i] + channel;
      const a = data[at + columns[0]];
      const b = data[at + columns[1]];
      lines[i] = between(a, b, data[at + columns[2]], data[at + columns[3]], x - left);
    }
    const value = between(lines[0], lines[1], lines[2], lines[3], y - top);
    result[to + channel] = Math.trunc(Math.min(255, Math.max(0, value)));
  }
}

function clamp(index, length) {
  return Math.min(length - 1, Math.max(0, index));
}

function between(v1, v2, v3, v4, d) {
  const p3 = 2 * (v1 - v2) + v3 - v4;
  const p4 = -v1 + v2 - v3 + v4;
  return v2 + d * (v3 - v1 + d * (p3 + d * p4));
}

/** Python's `round`: of a half to the even number. */
export function round(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}
