//! A user's list of chats: his chats from the store, a line for each from its owner.

use rookery_schema::event::{put_json_text, put_number};
use rookery_schema::{ChatId, UserId};

use crate::context::{Context, Map, Reader};
use crate::mesh::{Asker, ChatSummary, Command, Outcome, ShardMessage, Waiting};
use crate::port::{Found, Read, StoreFault};
use crate::problem::Problem;

/// Lists that are being gathered.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    last: u64,
    gathers: Map<u64, Gather>,
}

#[derive(Debug)]
struct Gather {
    asker: Asker,
    user_id: UserId,
    /// Chats that he joined since the store was asked.
    joined: Vec<ChatId>,
    /// Lines that have not come yet.
    missing: usize,
    summaries: Vec<ChatSummary>,
    problem: Option<Problem>,
}

impl Inbox {
    pub(super) fn begin(&mut self, asker: Asker, user_id: UserId, cx: &mut Context<'_>) {
        self.last += 1;
        let gather = self.last;
        let state = Gather {
            asker,
            user_id,
            joined: Vec::new(),
            missing: 0,
            summaries: Vec::new(),
            problem: None,
        };
        self.gathers.insert(gather, state);
        cx.read(Read::ChatsOfUser(user_id), Reader::Inbox { gather });
    }

    /// The store knows of a membership that a read under way may have missed.
    pub(super) fn joined(&mut self, user_id: UserId, chat_id: ChatId) {
        for state in self
            .gathers
            .values_mut()
            .filter(|state| state.user_id == user_id)
        {
            state.joined.push(chat_id);
        }
    }

    pub(super) fn chats_read(
        &mut self,
        gather: u64,
        outcome: Result<Found, StoreFault>,
        unstored_joins: &Map<UserId, Vec<ChatId>>,
        cx: &mut Context<'_>,
    ) {
        let Some(state) = self.gathers.get_mut(&gather) else {
            return;
        };
        let Ok(Found::Chats(mut chats)) = outcome else {
            state.problem = Some(Problem::STORE_UNAVAILABLE);
            return self.finish(gather, cx);
        };
        let unstored = unstored_joins.get(&state.user_id).into_iter().flatten();
        chats.extend(unstored.copied());
        chats.append(&mut state.joined);
        chats.sort_unstable();
        chats.dedup();
        state.missing = chats.len();
        if chats.is_empty() {
            return self.finish(gather, cx);
        }
        let user_id = state.user_id;
        let topology = cx.topology();
        let mut by_owner = vec![Vec::new(); usize::from(topology.shards())];
        for chat_id in chats {
            by_owner[topology.owner_of_chat(chat_id).index()].push(chat_id);
        }
        let asker = Asker {
            shard: cx.id(),
            waiting: Waiting::Inbox { gather },
        };
        for (shard, chats) in topology.all_shards().zip(by_owner) {
            if !chats.is_empty() {
                let command = Command::SummarizeChats { user_id, chats };
                cx.send(shard, ShardMessage::Ask { asker, command });
            }
        }
    }

    pub(super) fn answered(&mut self, gather: u64, outcome: Outcome, cx: &mut Context<'_>) {
        let Some(state) = self.gathers.get_mut(&gather) else {
            return;
        };
        match outcome {
            Outcome::Summaries(summaries) => state.summaries.extend(summaries),
            Outcome::Refused(problem) => state.problem = Some(problem),
            _ => {}
        }
        state.missing = state.missing.saturating_sub(1);
        if state.missing == 0 {
            self.finish(gather, cx);
        }
    }

    fn finish(&mut self, gather: u64, cx: &mut Context<'_>) {
        let Some(mut state) = self.gathers.remove(&gather) else {
            return;
        };
        let outcome = match state.problem {
            Some(problem) => Outcome::Refused(problem),
            None => {
                state
                    .summaries
                    .sort_by_key(|it| std::cmp::Reverse((it.active_at, it.chat_id)));
                Outcome::Json {
                    created: false,
                    body: encode(&state.summaries),
                }
            }
        };
        cx.answer(state.asker, outcome);
    }
}

fn encode(summaries: &[ChatSummary]) -> Vec<u8> {
    let mut out = vec![b'['];
    for (index, summary) in summaries.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        encode_summary(summary, &mut out);
    }
    out.push(b']');
    out
}

/// Until members mark what they have read, every message counts as unread.
fn encode_summary(summary: &ChatSummary, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"chat_id":""#);
    out.extend_from_slice(summary.chat_id.to_string().as_bytes());
    out.extend_from_slice(br#"","name":"#);
    put_json_text(out, &summary.name);
    out.extend_from_slice(br#","last_seq":"#);
    put_number(out, summary.last_seq.0);
    out.extend_from_slice(br#","last_message":"#);
    out.extend_from_slice(summary.last_message.as_deref().unwrap_or(b"null"));
    out.extend_from_slice(br#","unread":"#);
    put_number(out, summary.messages);
    out.extend_from_slice(br#","read_seq":0}"#);
}
