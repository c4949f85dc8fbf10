// @ts-check
// What the page is seen on.

export const mac = /mac|iphone|ipad/i.test(navigator.platform);
/** One pane at a time. */
export const narrow = matchMedia("(max-width: 767.98px)");
/** The members beside the chat. */
export const wide = matchMedia("(min-width: 1280px)");
