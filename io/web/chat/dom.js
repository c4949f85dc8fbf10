// @ts-check
// Elements without markup in strings: from `<template>`s of the page, or built one by one.

/** @typedef {Record<string, any>} Props */

const templates = new Map();

/**
 * A copy of the template `#t-name`: its first element.
 * @param {string} name @returns {any}
 */
export function clone(name) {
  let source = templates.get(name);
  if (!source) {
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById(`t-${name}`));
    templates.set(name, (source = template.content.firstElementChild));
  }
  return source.cloneNode(true);
}

/**
 * The parts of an element that bear `data-ref`, by that name.
 * @param {Element} element @returns {Record<string, any>}
 */
export function refs(element) {
  /** @type {Record<string, any>} */
  const found = {};
  for (const part of element.querySelectorAll("[data-ref]")) found[/** @type {HTMLElement} */ (part).dataset.ref ?? ""] = part;
  return found;
}

/**
 * An element. Of `props`, `on…` are listeners, `class` and all with a hyphen or of SVG are attributes, others properties.
 * @param {string} tag @param {Props} [props] @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-")) /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name === "className" ? "class" : name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Sets text only where it changes, so that nothing is laid out anew in vain. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} element @param {string} name @param {string | number | boolean | null | undefined} value `false` and `null` take it away. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/**
 * One listener for all children that match.
 * @param {Element} root @param {string} type @param {string} selector
 * @param {(event: any, match: HTMLElement) => void} listener
 */
export function on(root, type, selector, listener) {
  root.addEventListener(type, (event) => {
    const match = /** @type {Element} */ (event.target).closest?.(selector);
    if (match && root.contains(match)) listener(event, /** @type {HTMLElement} */ (match));
  });
}

/**
 * Roving `tabindex`: one of `items` can be reached by Tab, the others by the arrows.
 * @param {Iterable<HTMLElement>} items @param {HTMLElement | null} current
 */
export function rove(items, current) {
  for (const item of items) {
    const index = item === current ? 0 : -1;
    if (item.tabIndex !== index) item.tabIndex = index;
  }
}
