// The picture with its faces marked by box and number.

import { colorOf, count } from "./view.js";

/** Draw a picture and mark its faces, the boxes in pixels of the picture of `size`. */
export function mark(canvas, { preview, size, faces }, labels) {
  [canvas.width, canvas.height] = [preview.width, preview.height];
  const context = canvas.getContext("2d");
  context.drawImage(preview, 0, 0);
  preview.close();
  const scale = canvas.width / size[0];
  const width = Math.max(2, Math.round(Math.max(...size) * scale * 0.004));
  faces.forEach((face, index) => {
    const box = face.box.map((edge) => edge * scale);
    outline(context, box, width, colorOf(face, labels));
    tag(context, box, String(index + 1), colorOf(face, labels), canvas.width);
  });
  canvas.setAttribute("aria-label", `The picture: ${count(faces.length)}`);
  canvas.hidden = false;
}

function outline(context, [left, top, right, bottom], width, color) {
  context.lineWidth = 2 * width;
  context.strokeStyle = "white"; // seen on dark and on light
  context.strokeRect(left, top, right - left, bottom - top);
  context.lineWidth = width;
  context.strokeStyle = color;
  context.strokeRect(left, top, right - left, bottom - top);
}

function tag(context, [left, top], text, color, width) {
  const height = Math.max(16, Math.round(width * 0.025));
  context.font = `600 ${height}px system-ui, sans-serif`;
  const padded = context.measureText(text).width + height * 0.6;
  const y = Math.max(0, top - height * 1.25);
  context.fillStyle = color;
  context.fillRect(left, y, padded, height * 1.25);
  context.fillStyle = "white";
  context.textBaseline = "middle";
  context.fillText(text, left + height * 0.3, y + height * 0.65);
}
