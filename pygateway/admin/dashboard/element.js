// Makes elements. Text only ever gets into the page through textContent, because names and reasons
// come from configurations and from elsewhere; the page's Content-Security-Policy holds it to that.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an HTML element with attributes and children, which are elements or text. */
export function html(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Makes an SVG element. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Says something else, unless it is said already: what does not change is not touched. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows a number and its unit, as format.js gives them. */
export function show(element, [number, unit]) {
  if (element.childElementCount !== 2) {
    element.replaceChildren(html("span"), html("span", { class: "unit" }));
  }
  const [first, second] = element.children;
  say(first, number);
  // The space is part of the text, so that it is read and copied with it.
  say(second, unit && `\u00a0${unit}`);
}
