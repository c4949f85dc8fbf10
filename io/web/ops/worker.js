// @ts-check
// Parses where it does not hold up the page.
import { parse } from "./parse.js";

self.onmessage = ({ data }) => self.postMessage(parse(new TextDecoder().decode(data)));
