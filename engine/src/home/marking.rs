//! What a home does as its users read their chats.

use rookery_schema::event::put_number;
use rookery_schema::row::Mark;
use rookery_schema::{ChatId, Seq, UserId};

use crate::connection::Connections;
use crate::context::Context;
use crate::edge::port::Read;
use crate::home::marks::{News, Question};
use crate::home::user::User;
use crate::home::{Home, HomeRead, token};
use crate::ids::ConnId;
use crate::mesh::command::asker::Waiting;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, ChatCommand, Command, Outcome};
use crate::ws::write_text_frame;

impl Home {
    /// A user has read a chat.
    pub(super) fn mark_read(
        &mut self,
        asker: Asker,
        user_id: UserId,
        (chat_id, seq): (ChatId, Seq),
        cx: &mut Context<'_>,
    ) {
        let question = match self.marks.ask(asker, user_id, chat_id, cx) {
            Ok(question) => question,
            Err(problem) => return cx.refuse(asker, problem),
        };
        let here = Asker {
            shard: cx.id(),
            waiting: Waiting::Mark { question },
        };
        cx.ask(
            here,
            Command::Chat(chat_id, ChatCommand::ResolveMark { user_id, seq }),
        );
    }

    /// The owner of a chat has answered how far a mark in it is.
    pub(crate) fn mark_answered(
        &mut self,
        question: u64,
        outcome: Outcome,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        match outcome.accepted() {
            Ok(Outcome::Marked(marked)) => match self.marks.answered(question, marked) {
                Some(Question {
                    user_id, chat_id, ..
                }) => {
                    let read = Read::Mark { user_id, chat_id };
                    self.read(HomeRead::Mark { question }, read, cx);
                }
                None => {
                    // It may have been given up.
                    if let Some(waiting) = self.marks.take(question) {
                        self.set_mark(&waiting, connections, cx);
                    }
                }
            },
            Err(problem) => {
                if let Some(waiting) = self.marks.take(question) {
                    cx.refuse(waiting.asker, problem);
                }
            }
            Ok(_) => {
                cx.bug("how far a mark is was asked for, and something else came");
                if let Some(waiting) = self.marks.take(question) {
                    cx.refuse(waiting.asker, Problem::NOT_ANSWERED);
                }
            }
        }
    }

    /// The store has said how far a mark is (`None`: it could not be read).
    pub(super) fn mark_was_read(
        &mut self,
        question: u64,
        marks: Option<Vec<(ChatId, Mark)>>,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let Some(waiting) = self.marks.take(question) else {
            return;
        };
        let Some(marks) = marks else {
            return cx.refuse(waiting.asker, Problem::STORE_UNAVAILABLE);
        };
        let stored = marks.first().map(|(_, mark)| *mark).unwrap_or_default();
        self.marks.learn(&waiting, stored, cx.now.micros);
        self.set_mark(&waiting, connections, cx);
    }

    fn set_mark(
        &mut self,
        waiting: &Question,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        if let Some(news) = self.marks.set(waiting, cx) {
            self.tell_mark(&news, connections, cx);
        }
    }

    /// Tells a user's other sockets up to where they have read.
    fn tell_mark(&self, news: &News, connections: &mut Connections, cx: &mut Context<'_>) {
        let mut others = self.to_be_told(news).peekable();
        if others.peek().is_none() {
            return;
        }
        let mut frame = Vec::new();
        write_text_frame(&mut frame, &read_json(news));
        let frame = cx.held.hold(frame);
        for conn in others {
            connections.share(conn, frame.clone(), cx);
        }
    }

    /// The sockets of a user that don't know a mark: those too for which events are held, as nothing tells it them later.
    fn to_be_told(&self, news: &News) -> impl Iterator<Item = ConnId> + use<'_> {
        let user = self.users.get(&news.user_id);
        let by = news.by;
        let sockets = user.into_iter().flat_map(User::welcomed);
        sockets.filter(move |conn| Some(*conn) != by)
    }

    /// Tells and writes the marks that are due, and all of them before the process ends.
    pub(super) fn tick_marks(&mut self, connections: &mut Connections, cx: &mut Context<'_>) {
        self.marks.tick(cx.now.micros);
        for news in self.marks.overdue(cx.now.micros) {
            self.tell_mark(&news, connections, cx);
        }
        let is_last = cx.readiness.is_draining();
        for news in self.marks.look(is_last, cx.now.micros) {
            match is_last {
                true => self.tell_mark(&news, connections, cx),
                false => self.count_unread(news, cx),
            }
        }
        self.write_marks(cx);
    }

    /// A mark is to be told that was set some time ago: messages may have come since.
    fn count_unread(&mut self, news: News, cx: &mut Context<'_>) {
        if self.to_be_told(&news).next().is_none() {
            return;
        }
        let News {
            user_id, chat_id, ..
        } = news;
        let seq = news.marked.mark.seq;
        let news = self.marks.keep_untold(news, cx);
        let here = Asker {
            shard: cx.id(),
            waiting: Waiting::Telling { news },
        };
        let command = ChatCommand::ResolveMark { user_id, seq };
        cx.ask(here, Command::Chat(chat_id, command));
    }

    /// The owner of a chat has counted what is unread. Where it can't, that is told as of when the mark was set.
    pub(crate) fn unread_counted(
        &mut self,
        number: u64,
        outcome: Outcome,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let Some(mut news) = self.marks.take_untold(number) else {
            return;
        };
        if let Outcome::Marked(marked) = outcome {
            news.marked.unread = marked.unread;
            news.marked.last_seq = marked.last_seq;
        }
        self.tell_mark(&news, connections, cx);
    }

    /// Writes the marks that changed, together.
    pub(super) fn write_marks(&mut self, cx: &mut Context<'_>) {
        if let Some((number, rows)) = self.marks.write() {
            cx.write(token(number), rows);
        }
    }

    /// The store has what was written.
    pub(crate) fn written(&mut self, number: u64, cx: &mut Context<'_>) {
        if !self.marks.written(number, cx) {
            cx.bug("a home's write was answered that it did not ask for");
        }
    }

    /// Whether all marks are stored.
    pub(crate) fn is_drained(&self) -> bool {
        self.marks.are_stored()
    }
}

fn read_json(news: &News) -> Vec<u8> {
    let chat_id = news.chat_id;
    let mut out = format!(r#"{{"type":"read","chat_id":"{chat_id}","seq":"#).into_bytes();
    put_number(&mut out, news.marked.mark.seq.0);
    out.extend_from_slice(br#","unread":"#);
    put_number(&mut out, news.marked.unread);
    out.extend_from_slice(br#","last_seq":"#);
    put_number(&mut out, news.marked.last_seq.0);
    out.push(b'}');
    out
}
