// @ts-check
// Presence is asked for only of those whom one can see: the direct chats in view.

import { follow } from "./follow.js";

/** @typedef {import("../client/rookery.js").Chat} Chat */

/** @param {Element} root */
export function createNearness(root) {
  /** @type {Map<Element, Chat>} */
  const watched = new Map();
  /** @type {Map<Element, () => void>} */
  const releases = new Map();

  const observer = new IntersectionObserver((entries) => {
    // Of more than can be followed, those at the top are.
    const downwards = entries.toSorted((a, b) => a.boundingClientRect.top - b.boundingClientRect.top);
    for (const { target, isIntersecting } of downwards) {
      const chat = watched.get(target);
      if (!chat) continue;
      if (!isIntersecting) release(target);
      else if (!releases.has(target)) releases.set(target, follow(chat));
    }
  }, { root });

  /** @param {Element} element */
  function release(element) {
    releases.get(element)?.();
    releases.delete(element);
  }

  return {
    /** @param {Element} element @param {Chat} chat */
    watch(element, chat) {
      watched.set(element, chat);
      observer.observe(element);
    },
    /** @param {Element} element */
    leave(element) {
      observer.unobserve(element);
      watched.delete(element);
      release(element);
    },
    destroy() {
      observer.disconnect();
      for (const element of [...releases.keys()]) release(element);
    },
  };
}
