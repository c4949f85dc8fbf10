//! A user's list of chats: the chats from the store, a line for each from its owner.

use rookery_schema::event::{put_json_text, put_number};
use rookery_schema::{ChatId, UserId};

use crate::context::Context;
use crate::map::Unanswered;
use crate::mesh::command::{READ_SECONDS_MAX, Waiting};
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, ChatCommand, ChatSummary, Command, Outcome};

/// Lists that are being gathered.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    gathers: Unanswered<Gather>,
}

#[derive(Debug)]
struct Gather {
    asker: Asker,
    user_id: UserId,
    /// When it is dropped, in microseconds: its asker is refused then.
    due_micros: u64,
    /// Chats that the user joined since the store was asked.
    joined: Vec<ChatId>,
    /// Lines that have not come yet.
    missing: usize,
    summaries: Vec<ChatSummary>,
    problem: Option<Problem>,
}

impl Inbox {
    /// Begins to gather a list; returns its number, for the read of the user's chats.
    pub(super) fn begin(&mut self, asker: Asker, user_id: UserId, cx: &Context<'_>) -> u64 {
        self.gathers.add(Gather {
            asker,
            user_id,
            due_micros: cx.micros_in(READ_SECONDS_MAX),
            joined: Vec::new(),
            missing: 0,
            summaries: Vec::new(),
            problem: None,
        })
    }

    /// The store knows of a membership that a read under way may have missed.
    pub(super) fn joined(&mut self, user_id: UserId, chat_id: ChatId) {
        let all = self.gathers.values_mut();
        for gather in all.filter(|gather| gather.user_id == user_id) {
            gather.joined.push(chat_id);
        }
    }

    /// The user's chats were read (`None`: could not be), and these that the store does not know yet come with them.
    pub(super) fn chats_read(
        &mut self,
        number: u64,
        chats: Option<Vec<ChatId>>,
        unstored: &[ChatId],
        cx: &mut Context<'_>,
    ) {
        // It may have been given up.
        let Some(gather) = self.gathers.get_mut(number) else {
            return;
        };
        let Some(mut chats) = chats else {
            gather.problem = Some(Problem::STORE_UNAVAILABLE);
            return self.finish(number, cx);
        };
        chats.extend_from_slice(unstored);
        chats.append(&mut gather.joined);
        chats.sort_unstable();
        chats.dedup();
        gather.missing = chats.len();
        if chats.is_empty() {
            return self.finish(number, cx);
        }
        let user_id = gather.user_id;
        let asker = Asker {
            shard: cx.id(),
            waiting: Waiting::Inbox { gather: number },
        };
        for chat_id in chats {
            cx.ask(
                asker,
                Command::Chat(chat_id, ChatCommand::Summarize { user_id }),
            );
        }
    }

    /// The owner of one of the chats answered.
    pub(super) fn answered(&mut self, number: u64, outcome: Outcome, cx: &mut Context<'_>) {
        // It may have been given up.
        let Some(gather) = self.gathers.get_mut(number) else {
            return;
        };
        match outcome {
            Outcome::Summary(summary) => gather.summaries.extend(summary.map(|it| *it)),
            Outcome::Refused(problem) => gather.problem = Some(problem),
            Outcome::Elsewhere => gather.problem = Some(Problem::ELSEWHERE),
            Outcome::Posted { .. }
            | Outcome::Json { .. }
            | Outcome::Messages { .. }
            | Outcome::LoggedIn { .. }
            | Outcome::Metrics(_)
            | Outcome::Done => {
                cx.bug("a line of an inbox was asked for, and something else came");
                gather.problem = Some(Problem::NOT_ANSWERED);
            }
        }
        match gather.missing.checked_sub(1) {
            Some(0) => self.finish(number, cx),
            Some(missing) => gather.missing = missing,
            None => cx.bug("a line of an inbox was answered that nobody asked for"),
        }
    }

    fn finish(&mut self, number: u64, cx: &mut Context<'_>) {
        let Some(mut gather) = self.gathers.take(number) else {
            return cx.bug("a list is finished that is not being gathered");
        };
        let outcome = match gather.problem {
            Some(problem) => Outcome::Refused(problem),
            None => {
                gather
                    .summaries
                    .sort_by_key(|it| std::cmp::Reverse((it.active_at, it.chat_id)));
                Outcome::Json {
                    created: None,
                    body: encode(&gather.summaries),
                }
            }
        };
        cx.answer(gather.asker, outcome);
    }

    /// Drops lists that some owner has not answered.
    pub(super) fn tick(&mut self, cx: &Context<'_>) {
        let now = cx.now.micros;
        self.gathers.take_if(|gather| gather.due_micros <= now);
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

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;
    use crate::context::sample::Surroundings;

    #[test]
    #[should_panic(expected = "a bug: a list is finished that is not being gathered")]
    fn a_list_is_finished_once() {
        Inbox::default().finish(1, &mut Surroundings::new().at(0));
    }
}
