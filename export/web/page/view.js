// The predictions as they are shown. Every text is set as text: names of labels and classes are
// words of users, which nobody has checked.

import { LEAST_QUALITY } from "./alignment.js";
import { UNCERTAIN } from "./classifier.js";

const BARS = 5; // of a label with more classes, the most likely ones

/** Make an element of a class with children, which are elements or text. */
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

/** Text from outside, whose direction of writing does not turn what is around. */
const word = (text) => element("bdi", "", text);

const percent = (p) => `${(100 * p).toFixed(1)}%`;

/** Show what the model says of a picture. */
export function showFaces(place, { faces, ms }, model) {
  const { labels } = model.facts;
  const list = element("ol", "faces", ...faces.map((face, i) => entry(face, i + 1, labels)));
  place.replaceChildren(
    element("h2", "", count(faces.length)),
    faces.length ? list : element("p", "", "Try a larger or sharper picture, seen from the front."),
    ...(faces.length ? shading(labels) : []),
    times(ms, model),
    ...labels.map(({ notice }) => element("p", "small notice", notice)),
  );
}

/** Show that a picture is being classified. */
export function showWaiting(place) {
  place.replaceChildren(element("p", "small", "Looking for faces …"));
}

/** Show why there is no prediction. */
export function showFailure(place, message) {
  const text = element("p", "", message);
  text.setAttribute("role", "alert");
  place.replaceChildren(element("h2", "", "No prediction"), text);
}

/** Say in words how many faces there are. */
export function count(faces) {
  return ["No face found", "One face"][faces] ?? `${faces} faces`;
}

/** The color of a face's box and number: of the decision on its first label. */
export function colorOf({ predictions: [first] }, [label]) {
  const index = label.classes.indexOf(first.decision);
  return index < 0 ? label.colorOfUncertain : label.colors[index];
}

function entry(face, number, labels) {
  const tag = element("b", "", number);
  tag.style.background = colorOf(face, labels);
  if (face.quality < LEAST_QUALITY) {
    const title = "Uncertain: turned away, hidden or no face";
    return element("li", "", element("h3", "title", tag, " ", title)); // a percentage would mislead
  }
  return element("li", "", ...labels.flatMap((label, index) => {
    const prediction = face.predictions[index];
    const title = element("h3", "title", ...(index ? [] : [tag, " "]), ...said(label, prediction));
    return [title, bars(label, prediction)];
  }));
}

function said({ name, classes, isGender }, { decision }) {
  const isClass = classes.includes(decision);
  if (isGender) return isClass ? ["Perceived as a ", word(decision)] : ["Uncertain"];
  return [word(name), ": ", isClass ? word(decision) : UNCERTAIN];
}

function bars(label, { probabilities, decision }) {
  const { classes } = label;
  let order = classes.map((_, index) => index);
  if (classes.length > BARS) {
    const isOther = (index) => Number(classes[index] !== decision);
    order.sort((a, b) => isOther(a) - isOther(b) || probabilities[b] - probabilities[a]);
  }
  const others = order.slice(BARS);
  order = order.slice(0, BARS);
  const list = order.map((index) =>
    bar(classes[index], probabilities[index], label.least?.[index], classes[index] === decision),
  );
  if (others.length) {
    const together = others.reduce((sum, index) => sum + probabilities[index], 0);
    list.push(element("li", "small", `and ${others.length} more, together ${percent(together)}`));
  }
  return element("ul", "bars", ...list);
}

function bar(name, p, least, isDecided) {
  const track = element("span", "track");
  track.setAttribute("aria-hidden", "true");
  for (const [kind, share] of [["zone", least], ["fill", p]]) {
    if (share === undefined) continue;
    const part = element("span", kind);
    part.style.width = percent(share);
    track.append(part);
  }
  const title = element("span", "name", word(name));
  return element("li", isDecided ? "bar decided" : "bar", title, track, element("span", "percent", percent(p)));
}

function shading(labels) {
  if (!labels.some(({ least }) => least)) return [];
  const text =
    "The class is named whose bar reaches furthest beyond its shaded part; where none does, the " +
    "label is uncertain.";
  return [element("p", "small", text)];
}

function times(ms, { facts, precision, threads }) {
  const one = ([name, value]) => part(name, `${value.toFixed(0)} ms`);
  const model = `${facts.name}, ${precision}, ${threads} thread${threads > 1 ? "s" : ""}`;
  return element("dl", "times", ...Object.entries(ms).map(one), part("model", model));
}

function part(name, value) {
  return element("div", "", element("dt", "", name), element("dd", "", value));
}

/** Fill in what the page says of the model. */
export function showModel(model) {
  const { facts } = model;
  const place = (id) => document.getElementById(id);
  place("question").textContent = facts.question;
  place("accuracy").textContent = facts.accuracy;
  if (facts.banner) {
    place("banner").textContent = facts.banner;
    place("banner").hidden = false;
  }
  place("meanings").replaceChildren(
    ...facts.labels.flatMap(({ name, classes, notice, notFor }) => [
      element("dt", "", word(name)),
      element("dd", "", ...classes.flatMap((one, i) => [i ? " · " : "", word(one)])),
      element("dd", "", `${notice} A model of it must not be used for ${notFor}.`),
    ]),
  );
}
