// @ts-check
// The picture beside the login: rooks, their nests and their trees. Its colours are those of the page.

const SVG = "http://www.w3.org/2000/svg";

/** @type {[number, string][]} Branches, by their width. */
const branches = [
  [15, "M358 830q-8-95-7-190"],
  [10, "M351 640q-33-65-66-130M351 640q26-65 50-132M592 830q5-60 8-120"],
  [6.6, "M286 510q-39-36-81-67M286 510q-9-59-6-118M401 509q-5-50-7-100M401 509q31-37 73-63M600 710q-20-37-35-76M600 710q18-35 47-62"],
  [4.4, "M205 443q-37-12-76-17M205 443q-9-38-23-74M279 392q-26-34-50-70M279 392q20-40 36-82M395 408q-11-32-35-58M395 408q17-32 32-64M474 446q9-32 18-63M474 446q33-15 68-22M565 634q-22-21-50-32M565 634q4-31 9-62M647 649q11-26 16-53M647 649q24-12 49-21"],
  [2.9, "M129 426q-31 7-63 5M129 426q-22-22-47-42M182 369q-19-23-41-44M182 369q7-26 9-52M230 322q-22-21-50-32M230 322q-1-32-6-64M315 310q-6-31-2-62M315 310q33-13 57-39M360 351q-23-11-39-31M360 351q-3-28-7-55M427 344q2-29-1-59M427 344q26-13 48-33M492 383q-3-24-7-49M492 383q11-22 29-38M541 424q15-21 35-38M541 424q26-1 53 2M515 602q-21-2-41-8M515 602q-7-21-22-37M574 572q-10-22-16-45M574 572q12-22 30-40M663 595q-10-18-7-38M663 595q18-11 30-29M696 627q13-15 25-30M696 627q22 5 45 0"],
  [2, "M66 431q-23 7-45 14M66 431q-19-13-39-25M82 384q-18-11-38-18M82 384q-14-20-17-43M142 325q-23-4-40-20M142 325q-10-19-8-41M191 317q0-22-10-41M191 317q14-15 28-30M180 290q-18-6-38-10M180 290q-13-16-16-37M223 259q-8-21-24-37M223 259q8-23 19-46M313 248q-9-21-26-36M313 248q16-21 25-47M373 271q14-24 21-51M373 271q25-13 53-14M321 319q-17-10-36-9M321 319q-2-17-14-30M353 295q-17-13-25-33M353 295q3-22 18-38M426 285q0-22-15-38M426 285q8-18 19-35M474 311q5-23 24-38M474 311q21-2 39-11M486 334q-17-13-21-35M486 334q14-15 17-35M521 345q6-16 2-33M521 345q13-14 33-14M576 386q12-15 11-34M576 386q17-9 33-18M594 426q16-11 34-20M594 426q14 12 32 10M474 594q-14-5-28 2M474 594q-10-11-22-19M493 565q-17-7-29-22M493 565q-5-16-3-33M558 527q-10-14-23-25M558 527q10-14 7-32M604 532q10-19 7-41M604 532q16-8 32-16M656 558q-13-7-20-21M656 558q5-16 13-30M693 567q0-18 13-30M693 567q16 0 30-8M721 597q-4-17 5-31M721 597q14-2 24-13M741 627q15-6 27-18M741 627q13 7 28 7"],
];

/** A nest, about its middle. */
const nest = "M-17 1q16-6 34-2M-15 5q15-5 31-1M-18-2q18-3 35 2M-13 7q13-2 27-2M-16 4q20-9 30-4M-12-4q14 3 27 5";
/** A rook that looks to the left, about its feet. */
const rook = "M-20-13c3-2 4-4 5-6 2-6 9-7 13-3 4 3 6 6 8 9 4 6 8 12 12 19l-9-4c-9 2-18-2-19-12l-10-3Z";
const legs = "M-3-2v5M2-1v4";
const flying = "M-13 1q6-7 13 0 7-7 13 0";

/** @type {[number, number][]} */
const nests = [[181, 289], [314, 246], [485, 332], [81, 383]];
/** @type {[number, number, number][]} Where, and which way: 1 to the left. */
const rooks = [[243, 211, 1], [393, 217, -1], [514, 298, 1]];
/** @type {[number, number, number][]} Where, and how large. */
const flock = [[44, 268, 0.75], [92, 214, 1], [136, 246, 0.6]];

/** @param {Element} parent @param {string} name @param {Record<string, string | number>} attributes */
function add(parent, name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  parent.append(element);
  return element;
}

/** The picture as one SVG. */
export function art() {
  const svg = document.createElementNS(SVG, "svg");
  const frame = { class: "art-trees", viewBox: "0 140 640 690", preserveAspectRatio: "xMidYMax meet", "aria-hidden": "true" };
  for (const [key, value] of Object.entries(frame)) svg.setAttribute(key, value);
  add(svg, "circle", { class: "art-sun", cx: 104, cy: 436, r: 46 });
  const lines = add(svg, "g", { class: "art-lines" });
  for (const [width, d] of branches) add(lines, "path", { d, "stroke-width": width });
  for (const [x, y] of nests) add(lines, "path", { d: nest, "stroke-width": 2.2, transform: `translate(${x} ${y})` });
  for (const [x, y, size] of flock) {
    add(lines, "path", { d: flying, "stroke-width": 2.4, transform: `translate(${x} ${y}) scale(${size})` });
  }
  for (const [x, y, way] of rooks) {
    const bird = add(svg, "g", { class: "art-rook", transform: `translate(${x} ${y}) scale(${way} 1)` });
    add(bird, "path", { d: legs });
    add(bird, "path", { d: rook });
    add(bird, "circle", { class: "art-eye", cx: -9, cy: -19, r: 1.6 });
  }
  return svg;
}
