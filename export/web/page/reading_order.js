// The order in which the faces of a picture are numbered, as inference/detection/reading_order.py.

/**
 * Sort faces by rows from top to bottom, and within a row from left to right. A row holds all faces
 * whose middles lie above the lower edge of its highest one.
 *
 * @param {{box: number[]}[]} faces Faces in any order.
 */
export function inReadingOrder(faces) {
  const rows = [];
  for (const face of [...faces].sort((a, b) => compare(fromAbove(a), fromAbove(b)))) {
    const row = rows.at(-1);
    if (row && middle(face)[1] < row[0].box[3]) row.push(face);
    else rows.push([face]);
  }
  return rows.flatMap((row) => row.sort((a, b) => compare(middle(a), middle(b))));
}

const middle = ({ box: [left, top, right, bottom] }) => [(left + right) / 2, (top + bottom) / 2];

const fromAbove = (face) => [...middle(face).reverse(), ...face.box];

function compare(a, b) {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : a[at] - b[at];
}
