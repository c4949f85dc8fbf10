/** What the verbs of the exchanges are with this client. */
const VERBS = {
  logIn: (client, { username, password }) => client.logIn({ username, password }),
  logOut: (client) => client.logOut(),
  connect: (client) => client.connect(),
  open: (client, { chat }) => client.chat(chat).timeline.loadLatest(),
  send: (client, { chat, content }) => client.chat(chat).send(content),
  retry: (client, { chat }) => client.chat(chat).retry(client.chat(chat).timeline.rows.find(({ status }) => status === "failed").client_id),
  edit: (client, { chat, message, content }) => client.chat(chat).edit(message, content),
  remove: (client, { chat, message }) => client.chat(chat).remove(message),
  react: (client, { chat, message, emoji }) => client.chat(chat).react(message, emoji),
  unreact: (client, { chat, message, emoji }) => client.chat(chat).unreact(message, emoji),
  type: (client, { chat }) => client.chat(chat).type(),
  follow: (client, { chat }) => client.chat(chat).follow(),
  read: (client, { chat, seq }) => client.chat(chat).markRead(seq),
};

export async function perform(client, step) {
  return VERBS[step.do](client, step);
}

/** What the client shows, in the words of the exchanges. */
export function view(client, { chat: id, presence = {} }) {
  const chat = id && client.chat(id);
  return {
    state: client.state.phase,
    settings: client.settings,
    chats: (client.chats ?? []).map(({ name }) => name),
    presence: Object.fromEntries(Object.keys(presence).map((user) => [user, client.presence(user)?.online])),
    ...(chat && {
      chat: id,
      rows: chat.timeline.rows.map(row),
      unread: chat.unread,
      readSeq: chat.readSeq,
      typing: chat.typing,
      removal: chat.removal?.reason,
    }),
  };
}

function row({ kind, message, content, status, event }) {
  if (kind === "gap") return { gap: true };
  if (kind === "pending") return { pending: status, content };
  if (kind === "event") return { event: event.type };
  const { deleted, edited_at, reactions } = message;
  return { content: message.content, deleted, edited: edited_at !== undefined, reactions: reactions?.map(({ emoji }) => emoji) };
}
