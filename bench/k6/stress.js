// One chat room, ten listeners, and as many spammers as it takes.
//
//   k6 run bench/k6/stress.js
//   docker run --rm -i --network host grafana/k6 run - < bench/k6/stress.js
//
// 1,000 messages a second for 30 s, a ramp to 10,000, and 30 s of that. It passes where every post was
// answered 200, and every listener got every accepted message, once and in order, soon enough.
// Iterations that k6 itself could not start in time (dropped_iterations) are reported, and no failure.
//
// With -e NAME=value: BASE_URL, RATE and PEAK (messages a second), STEADY, RAMP and HOLD (seconds),
// SIZE (bytes of content), POST_P95 and DELIVERY_P95 (milliseconds).

import http from 'k6/http';
import exec from 'k6/execution';
import { check, fail, sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { WebSocket } from 'k6/websockets';

const BASE_URL = (__ENV.BASE_URL || 'http://127.0.0.1:8000').replace(/\/$/, '');
const RATE = Number(__ENV.RATE || 1000);
const PEAK = Number(__ENV.PEAK || 10000);
const STEADY = Number(__ENV.STEADY || 30);
const RAMP = Number(__ENV.RAMP || 10);
const HOLD = Number(__ENV.HOLD || 30);
const SIZE = Number(__ENV.SIZE || 100);
const POST_P95 = Number(__ENV.POST_P95 || 250);
const DELIVERY_P95 = Number(__ENV.DELIVERY_P95 || 500);

const LISTENERS = 10;
// Seconds for all listeners to connect before the first message.
const CONNECT = 3;
// Seconds for the last posts to be answered before the message that ends the test.
const SETTLE = 5;
// Seconds that a listener waits for that message before it gives up.
const GRACE = 30;
const SPAM = STEADY + RAMP + HOLD;
const PASSWORD = 'correct horse battery staple';
// Content of the last message; the listeners stop at it.
const LAST = 'that is all';
// The chat's creation is number 1, before any listener connects.
const FIRST_SEQ = 2;
// One delivery in so many has its latency taken: k6 pays for each sample, on the machine it measures.
const LATENCY_EVERY = 16;

const accepted = new Counter('accepted');
const delivered = new Counter('delivered');
// Ten for each accepted message, less one for each delivery: zero in the end, if nothing was lost.
const undelivered = new Counter('undelivered');
// Gaps and repeats in what a listener gets: each message is the successor of the one before.
const outOfOrder = new Counter('out_of_order');
// Listeners that got the last message.
const finished = new Counter('listeners_finished');
const latency = new Trend('delivery_latency', true);

export const options = {
  setupTimeout: '60s',
  discardResponseBodies: true,
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    listen: {
      executor: 'per-vu-iterations',
      exec: 'listen',
      vus: LISTENERS,
      iterations: 1,
      maxDuration: `${CONNECT + SPAM + SETTLE + 2 * GRACE}s`,
    },
    spam: {
      executor: 'ramping-arrival-rate',
      exec: 'spam',
      startTime: `${CONNECT}s`,
      startRate: RATE,
      timeUnit: '1s',
      preAllocatedVUs: 100,
      maxVUs: 200,
      stages: [
        { target: RATE, duration: `${STEADY}s` },
        { target: PEAK, duration: `${RAMP}s` },
        { target: PEAK, duration: `${HOLD}s` },
      ],
      gracefulStop: `${SETTLE}s`,
    },
    finish: {
      executor: 'per-vu-iterations',
      exec: 'finish',
      vus: 1,
      iterations: 1,
      startTime: `${CONNECT + SPAM + SETTLE}s`,
      maxDuration: `${GRACE}s`,
    },
  },
  thresholds: {
    checks: ['rate==1'],
    'http_req_failed{scenario:spam}': ['rate==0'],
    'http_req_duration{scenario:spam}': [`p(95)<${POST_P95}`],
    delivery_latency: [`p(95)<${DELIVERY_P95}`],
    accepted: ['count>0'],
    delivered: ['count>0'],
    undelivered: ['count==0'],
    out_of_order: ['count==0'],
    listeners_finished: [`count==${LISTENERS}`],
  },
};

// The thresholds need a value even where nothing went wrong.
function countNothing() {
  undelivered.add(0);
  outOfOrder.add(0);
}

function call(method, path, body, token) {
  const headers = { 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const params = { headers, responseType: 'text' };
  const reply = http.request(method, BASE_URL + path, JSON.stringify(body), params);
  if (reply.status !== 200 && reply.status !== 201) {
    fail(`${method} ${path}: ${reply.status} ${reply.error || reply.body}`);
  }
  return reply.json();
}

function register(username) {
  const credentials = { username, password: PASSWORD };
  call('POST', '/users', credentials);
  const { user_id, token } = call('POST', '/login', credentials);
  return { user_id, token };
}

export function setup() {
  const run = Date.now().toString(36);
  const listeners = [];
  for (let n = 0; n < LISTENERS; n += 1) listeners.push(register(`listener-${run}-${n}`));
  const spammer = register(`spammer-${run}`);
  const members = listeners.map((listener) => listener.user_id);
  const { chat_id } = call('POST', '/chats', { name: `stress ${run}`, members }, spammer.token);
  return { listeners, spammer, chat_id };
}

function post({ chat_id, spammer }, content) {
  return http.post(`${BASE_URL}/chats/${chat_id}/messages`, JSON.stringify({ content }), {
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${spammer.token}` },
    tags: { name: 'post' },
  });
}

function countAccepted(reply) {
  if (!check(reply, { 'post is answered 200': ({ status }) => status === 200 })) return false;
  accepted.add(1);
  undelivered.add(LISTENERS);
  return true;
}

export function spam(room) {
  const content = `${Date.now()} ${exec.scenario.iterationInTest} `.padEnd(SIZE, '.');
  countAccepted(post(room, content));
}

export function finish(room) {
  countNothing();
  for (let tries = 0; tries < GRACE; tries += 1) {
    const reply = post(room, LAST);
    if (reply.status === 200) {
      countAccepted(reply);
      return;
    }
    sleep(1);
  }
  fail('the last message was not taken');
}

// What one listener makes of its frames. With the batch protocol one holds many objects, in lines.
// Looking for a few marks costs k6 far less than parsing each object would.
class Ear {
  constructor() {
    this.next = FIRST_SEQ;
    this.count = 0;
    this.misses = 0;
    this.done = false;
  }

  hear(frame) {
    const now = Date.now();
    for (const line of frame.split('\n')) {
      if (line.startsWith('{"type":"message"')) this.message(line, now);
    }
  }

  message(line, now) {
    const seq = parseInt(line.slice(line.indexOf('"seq":') + 6), 10);
    if (seq !== this.next) this.misses += 1;
    this.next = seq + 1;
    this.count += 1;
    const last = line.indexOf(`"content":"${LAST}"`) >= 0;
    if (last) {
      this.done = true;
    } else if (seq % LATENCY_EVERY === 0) {
      latency.add(now - parseInt(line.slice(line.indexOf('"content":"') + 11), 10));
    }
  }

  report() {
    delivered.add(this.count);
    undelivered.add(-this.count);
    outOfOrder.add(this.misses);
    if (this.done) finished.add(1);
  }
}

export function listen({ listeners }) {
  countNothing();
  const { user_id, token } = listeners[exec.scenario.iterationInTest];
  const url = `${BASE_URL.replace(/^http/, 'ws')}/ws/connect/${user_id}`;
  const socket = new WebSocket(url, ['rookery.v1.batch'], {
    headers: { Authorization: `Bearer ${token}` },
  });
  const ear = new Ear();
  const giveUp = setTimeout(() => socket.close(), (CONNECT + SPAM + SETTLE + GRACE) * 1000);
  socket.onmessage = ({ data }) => {
    if (ear.done) return;
    ear.hear(data);
    if (ear.done) socket.close();
  };
  socket.onerror = ({ error }) => console.error(`listener ${user_id}: ${error}`);
  socket.onclose = () => {
    clearTimeout(giveUp);
    ear.report();
  };
}
