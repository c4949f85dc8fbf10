// What is written is what rookery.d.ts says.
import type * as Rookery from "../rookery.js";
import { Chat } from "../src/chat.js";
import { Client } from "../src/client.js";
import { Problem, closeAction } from "../src/problem.js";
import { Timeline } from "../src/timeline.js";

export const client: typeof Rookery.Client = Client;
export const chat: Rookery.Chat = Chat.prototype;
export const timeline: Rookery.Timeline = Timeline.prototype;
export const problem: Rookery.Problem = Problem.prototype;
export const action: typeof Rookery.closeAction = closeAction;
