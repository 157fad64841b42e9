// Names for Gradio's buttons that have none, or none that says what is written on them. Its markup
// comes and goes with every answer, so it is looked at again whenever something changes.
() => {
  const all = (selector) => document.querySelectorAll(selector);
  const name = () => {
    [...all(".gallery-item:not([aria-label])")].forEach((one, index) =>
      one.setAttribute("aria-label", `Example ${index + 1}`));
    for (const one of all("button button")) mendNested(one.parentElement.closest("button"), one);
    for (const one of all("button[aria-dropeffect][aria-label]")) one.removeAttribute("aria-label");
    for (const one of all("button[aria-label]:not([title])"))
      if (!one.textContent.trim()) one.title = one.getAttribute("aria-label");
  };
  // A button in a button: the inner one, which does the work, is not seen, and clicked by the outer.
  const mendNested = (outer, inner) => {
    if (outer.title === "Add photos") return;
    outer.setAttribute("aria-label", "Add photos");
    outer.title = "Add photos";
    outer.addEventListener("click", (event) => event.target === outer && inner.click());
  };
  name();
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
}
