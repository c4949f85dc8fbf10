export { Chat } from "./src/chat.js";
export { Client } from "./src/client.js";
export { Problem, closeAction } from "./src/problem.js";
export { Timeline } from "./src/timeline.js";
