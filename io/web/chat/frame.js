// @ts-check
// One `requestAnimationFrame` for the page: all geometry is read, then all is written, once.

/** @type {Set<() => void>} */
let reads = new Set();
/** @type {Set<() => void>} */
let writes = new Set();
let asked = false;

function run() {
  asked = false;
  const [reading, writing] = [reads, writes];
  reads = new Set();
  writes = new Set();
  for (const read of reading) read();
  for (const write of writing) write();
}

function ask() {
  if (asked) return;
  asked = true;
  // Hidden pages get no frames: there, a timer does, so that counts and titles stay right.
  if (document.hidden) setTimeout(run, 250);
  else requestAnimationFrame(run);
}

// Frames that were asked for before the page was hidden would wait until it is shown.
document.addEventListener("visibilitychange", () => {
  if (asked) run();
});

/** Reads geometry in the next frame, before anything is written. The same function is called once. @param {() => void} fn */
export function read(fn) {
  reads.add(fn);
  ask();
}

/** Writes in the next frame. The same function is called once. @param {() => void} fn */
export function write(fn) {
  writes.add(fn);
  ask();
}
