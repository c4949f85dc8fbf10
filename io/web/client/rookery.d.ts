/** A UUID. */
export type Id = string;
/** The number of an event in its chat: 1, 2, 3 and so on. */
export type Seq = number;

export interface Options {
  /** The server's origin; by default the page's own. */
  url?: string | URL;
  /**
   * `cookie` leaves the login to the browser, which no script can read; the default on the server's own pages.
   * `token` keeps it in this object, and connects by tickets; the default everywhere else.
   */
  credentials?: "cookie" | "token";
  /** With `token`: a login from before. */
  token?: string;
  /** For platforms without one, such as Node 20 (npm: ws). */
  WebSocket?: typeof WebSocket;
  fetch?: typeof fetch;
  /**
   * Keeps what waits to be sent, and what was refused, over a reload. By default nothing does; a page hands over `localStorage`.
   * Pages of one user may share it: what one that was closed has left goes out when the next one is loaded.
   */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** For tests: time and chance. */
  clock?: Clock;
}

export interface Clock {
  /** Milliseconds. */
  now(): number;
  /** From 0 up to 1, without 1. */
  random(): number;
  setTimeout(callback: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** What a server says of itself: `GET /about`. */
export interface About {
  name: string;
  version: string;
  auth: "token" | "trust";
  registration: "open" | "invite" | "closed";
  openapi: string;
  asyncapi: string;
}

export interface User {
  user_id: Id;
  username: string;
  display_name?: string;
  created_at: string;
  updated_at: string;
}

export interface Session {
  session_id: Id;
  name: string;
  address: string;
  created_at: string;
  expires_at: string;
  current: boolean;
}

export interface Reaction {
  emoji: string;
  users: Id[];
}

export interface Message {
  chat_id: Id;
  seq: Seq;
  message_id: Id;
  sender_id: Id;
  content: string;
  created_at: string;
  client_id?: string;
  edited_at?: string;
  deleted?: true;
  deleted_at?: string;
  deleted_by?: Id;
  reactions?: Reaction[];
}

/** How the connection is. */
export type State =
  /** Nobody asked to connect. */
  | { phase: "idle" }
  | { phase: "connecting"; attempt: number }
  /** Connected; so many events are still to come, as far as that is known. */
  | { phase: "behind"; missing: number }
  | { phase: "live" }
  /** The next try is at `retryAt` (milliseconds, by the clock). `code` is the close code, if there was one. */
  | { phase: "offline"; retryAt: number; code?: number }
  /** Log in again (4001, 401). */
  | { phase: "ended"; code?: number }
  /** It does not come back by itself: replaced (4030), or a fault of the client (1002, 1003, 1007, 1008, 1009). */
  | { phase: "stopped"; code: number };

/** What is to be done about a close code. */
export type CloseAction = "retry" | "login" | "stop";
export function closeAction(code: number): CloseAction;

/** A refusal: `application/problem+json`, or an `error` of the WebSocket. `status` is 0 where no answer of the server's came. */
export class Problem extends Error {
  readonly status: number;
  /**
   * As docs/api.md lists them; `offline` where no answer came, or one that is not the server's; `malformed_request` with status 0
   * where nothing was asked for, as an id or a path can't be; `outbox_full` where too many messages wait.
   */
  readonly code: string;
  readonly detail: string;
  /** Seconds, at most a day; also where a date was given. */
  readonly retryAfter?: number;
  readonly limit?: string;
  readonly errors: { field: string; code: string; detail: string }[];
  readonly userIds: Id[];
}

/** A message as it is shown. */
export interface MessageRow {
  kind: "message";
  /** Does not change in the life of a row, also when a message of one's own is confirmed. */
  key: string;
  seq: Seq;
  message: Message;
}

/** A message of one's own that the server has not confirmed. These rows stand last, in the order of sending. */
export interface PendingRow {
  kind: "pending";
  key: string;
  client_id: string;
  content: string;
  /** Milliseconds, by the clock. */
  created: number;
  status: "sending" | "waiting" | "failed";
  /** Why it failed. */
  problem?: Problem;
}

/** Something that happened: a member came or went, a chat was renamed. */
export interface EventRow {
  kind: "event";
  key: string;
  seq: Seq;
  event: ChatEvent;
}

/** Events between these two are not loaded, and exist. */
export interface GapRow {
  kind: "gap";
  key: string;
  after: Seq;
  before: Seq;
}

export type Row = MessageRow | PendingRow | EventRow | GapRow;

/** Of the WebSocket's events with a `seq`, as docs/api.md lists them. */
export interface ChatEvent {
  type: string;
  chat_id: Id;
  seq: Seq;
  [field: string]: unknown;
}

/** The part of a chat's conversation that is loaded. */
export class Timeline {
  /** In order. A new array after each change, with the same objects for rows that did not change. */
  readonly rows: readonly Row[];
  /** There may be something before the first row. */
  readonly hasOlder: boolean;
  /** There is something behind the last row: it was trimmed, or an older place was opened. */
  readonly hasNewer: boolean;
  /** The seq of the last event of the chat. */
  readonly lastSeq: Seq;
  /** Shows the newest page alone, unless the end is there: the latest 100 where they were trimmed off and are kept, else it loads them. */
  loadLatest(): Promise<void>;
  /** One page each. A second call while one is under way is the first. */
  loadOlder(): Promise<void>;
  loadNewer(): Promise<void>;
  /** Shows the pages before and behind a place, or the nearest that there is, and nothing else. */
  loadAround(seq: Seq): Promise<void>;
  /** Loads what is missing in a gap, a page at a time. */
  fill(gap: GapRow): Promise<void>;
  /** Forgets rows that are more than `keep` rows away from `seq`, but for those that are pending. */
  trim(seq: Seq, keep: number): void;
}

export interface Removal {
  /** Who did it: oneself, where one left; `null` where that is not known. */
  by: Id | null;
  reason: "removed" | "left" | "deleted";
}

export class Chat {
  readonly id: Id;
  readonly name: string;
  readonly description: string;
  readonly direct: boolean;
  /** Of a direct chat: the other one. */
  readonly other: { user_id: Id; username?: string; display_name?: string } | null;
  /** The members that are known, in the order of joining. Those who join meanwhile stand last. */
  readonly members: readonly Id[];
  /**
   * Whether these are all. It may be taken back, and `members` begin anew with the first 100, where events were missed: event
   * `chat` tells of it, and `loadMembers` brings the others again.
   */
  readonly membersComplete: boolean;
  readonly memberCount: number;
  readonly admins: ReadonlySet<Id>;
  readonly membersMayAdd: boolean;
  readonly history: "all" | "joined";
  readonly createdAt: string | null;
  readonly lastSeq: Seq;
  readonly lastMessage: Message | null;
  /** The last thing that happened, where that was no message and is known. */
  readonly lastEvent: ChatEvent | null;
  readonly readSeq: Seq;
  readonly unread: number;
  /** Milliseconds of the last activity, as far as it is known; for show alone. */
  readonly lastActivity: number;
  /** Set where the user is not in the chat any more. */
  readonly removal: Removal | null;
  /** Who types now. */
  readonly typing: readonly Id[];
  readonly timeline: Timeline;

  /** Loads name, settings, roles and the first members, unless they are known. */
  load(): Promise<void>;
  /** The next page of members, unless they are all there; a second call while one is under way is the first. Gives `membersComplete`. */
  loadMembers(): Promise<boolean>;

  /** Shows the message at once, sends it when the connection is there, and again until it is confirmed. Half a character is sent as U+FFFD. */
  send(content: string): PendingRow;
  /** Sends one that failed again, with the same `client_id`. */
  retry(clientId: string): void;
  discard(clientId: string): void;
  /** These show at once what they change, and take it back where they are refused. */
  edit(messageId: Id, content: string): Promise<void>;
  remove(messageId: Id): Promise<void>;
  react(messageId: Id, emoji: string): Promise<void>;
  unreact(messageId: Id, emoji: string): Promise<void>;

  /** Only upwards, and sent at most once a second. What is no seq marks nothing. */
  markRead(seq: Seq): void;
  /** The user types: told to others at most once in 3 seconds. */
  type(): void;
  /** The presence of the members is wanted, also after a reconnect, until `unfollow`. */
  follow(): void;
  unfollow(): void;

  addMember(userId: Id): Promise<void>;
  removeMember(userId: Id): Promise<void>;
  leave(): Promise<void>;
  setRole(userId: Id, role: "admin" | "member"): Promise<void>;
  change(settings: {
    name?: string;
    description?: string;
    members_may_add?: boolean;
    history?: "all" | "joined";
  }): Promise<void>;
  delete(): Promise<void>;
}

export interface Presence {
  online: boolean;
  last_seen?: string;
}

export interface Events {
  state: State;
  /** The caller: logged in, changed, or logged out (`null`). */
  me: User | null;
  /** The list: an order, a name, a count or a last message has changed. */
  chats: readonly Chat[];
  /** What a chat is: its name, settings, members, roles, removal. */
  chat: Chat;
  /** Rows of its timeline. */
  timeline: Chat;
  /** A message that came live, and is not the caller's own: for notifications and live regions. What was missed is in the timeline alone. */
  message: { chat: Chat; message: Message };
  typing: Chat;
  presence: Id;
  /** Names of users were loaded. */
  users: readonly Id[];
  settings: object;
}

export class Client {
  constructor(options?: Options);
  readonly me: User | null;
  readonly state: State;
  readonly settings: object;
  /** With `token`: the login, to be kept for another time. */
  readonly token: string | null;

  /** Calls `listener` after each change, until the function that is returned is called. */
  on<E extends keyof Events>(event: E, listener: (value: Events[E]) => void): () => void;

  about(): Promise<About>;
  signUp(account: { username: string; password: string; invite?: string }): Promise<User>;
  logIn(login: { username: string; password?: string; device?: string }): Promise<User>;
  /**
   * Who is logged in already; `null` where nobody is any more: then nothing stays of who was. On a page of the server's own, the
   * cookies tell that without a request.
   */
  restore(): Promise<User | null>;
  logOut(options?: { all?: boolean }): Promise<void>;

  /** Connects, and again whenever the connection is lost. */
  connect(): void;
  disconnect(): void;
  /** Does not wait for the next try. */
  retryNow(): void;

  /** Latest activity first. `null` until the first page of the list is there. */
  readonly chats: readonly Chat[] | null;
  chat(id: Id): Chat | undefined;
  createChat(chat: { name: string; members: Id[] }): Promise<Chat>;
  direct(userId: Id): Promise<Chat>;

  /** What is known of a user; asked for if nothing is: event `users` tells of it. `null` for one who is gone. */
  user(id: Id): User | null | undefined;
  /** Users whose names begin so. */
  search(prefix: string): Promise<User[]>;
  presence(userId: Id): Presence | undefined;

  setDisplayName(name: string | null): Promise<User>;
  changePassword(old: string, password: string): Promise<void>;
  sessions(): Promise<Session[]>;
  endSession(sessionId: Id): Promise<void>;
  deleteAccount(password?: string): Promise<void>;
  blocks(): Promise<Id[]>;
  block(userId: Id): Promise<void>;
  unblock(userId: Id): Promise<void>;
  /** Merges a patch (RFC 7396) into the user's settings. */
  changeSettings(patch: object): Promise<object>;

  /**
   * Any call of the API: `path` begins with `/`, and is of the server's own origin. `body` is what its JSON says, a
   * text where the answer is plain text, or `null` where there is nothing. Throws a `Problem`.
   */
  request(method: string, path: string, body?: object): Promise<{ status: number; headers: Headers; body: unknown }>;
}
