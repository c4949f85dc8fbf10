// Parses where that does not hold up the page.
import { parse } from "./parse.js";

onmessage = ({ data }) => postMessage(parse(new TextDecoder().decode(data)));
