//! Up to where the users of a home have read their chats, as far as that changed lately.
//!
//! A mark only goes up. Its user's sockets hear of it, and the store gets it, at once, but then not again for a second: so
//! whoever marks each message as read costs no more than one who does so now and then.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rookery_schema::row::{Mark, MarkRow, Row};
use rookery_schema::{ChatId, Seq, UserId};

use crate::context::{Context, MICROS_PER_SECOND};
use crate::ids::ConnId;
use crate::map::{Map, Unanswered};
use crate::mesh::command::asker::Waiting;
use crate::mesh::command::deadlines::READ_SECONDS_MAX;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Marked, Outcome};

/// Marks that a home knows.
const MARKS_MAX: usize = 1 << 16;
/// Wishes to mark something that wait for the owner of the chat, or for the store.
const QUESTIONS_MAX: usize = 4096;
/// Microseconds between two writes of one mark, and between two events that tell of it.
const PAUSE_MICROS: u64 = MICROS_PER_SECOND;
/// Microseconds that a mark is known for after it was written: longer than a read of the store takes that may have missed
/// it.
const KEPT_MICROS: u64 = 5 * MICROS_PER_SECOND;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Marks {
    known: Map<(UserId, ChatId), Known>,
    /// The chats of each user whose marks are known.
    of_users: Map<UserId, Vec<ChatId>>,
    /// When each of them is looked at next, in microseconds. Some were since, and are to be looked at later.
    due: BinaryHeap<Reverse<(u64, UserId, ChatId)>>,
    questions: Unanswered<Question>,
    /// News that wait for the owner of the chat to count what is unread by now: of each mark, one in a second.
    untold: Unanswered<Untold>,
    /// What is to be written next.
    unwritten: Vec<MarkRow>,
    writes: Unanswered<Vec<MarkRow>>,
}

/// A wish to mark what was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) asker: Asker,
    pub(super) user_id: UserId,
    pub(super) chat_id: ChatId,
    /// What the owner of the chat makes of it, once it has said so.
    marked: Marked,
    due_micros: u64,
}

#[derive(Debug)]
struct Known {
    mark: Mark,
    /// Messages behind it when it was set, and the chat's last event then.
    unread: u64,
    last_seq: Seq,
    /// The socket that set it.
    by: Option<ConnId>,
    told: Seq,
    /// Up to where it was written, and up to where the store has said so.
    written: Seq,
    stored: Seq,
    /// Before that it is neither told nor written again.
    quiet_until_micros: u64,
    /// See [`Marks::due`].
    due_micros: u64,
    /// Who waits until the store has it up to there, and until when, in microseconds.
    waiting: Vec<(Asker, Seq, u64)>,
}

/// News of a mark that was set some time ago.
#[derive(Clone, Copy, Debug)]
struct Untold {
    news: News,
    due_micros: u64,
}

/// What a user's other sockets are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) user_id: UserId,
    pub(super) chat_id: ChatId,
    pub(super) marked: Marked,
    /// The socket that knows it.
    pub(super) by: Option<ConnId>,
}

impl Known {
    /// Of what is in the store.
    const fn stored(mark: Mark) -> Self {
        Self {
            mark,
            unread: 0,
            last_seq: mark.seq,
            by: None,
            told: mark.seq,
            written: mark.seq,
            stored: mark.seq,
            quiet_until_micros: 0,
            due_micros: 0,
            waiting: Vec::new(),
        }
    }

    fn is_settled(&self) -> bool {
        self.stored == self.mark.seq && self.told == self.mark.seq && self.waiting.is_empty()
    }
}

impl Marks {
    /// Notes a wish; the number under which the owner of the chat answers.
    ///
    /// # Errors
    /// Too many are under way, or too many marks changed lately.
    pub(super) fn ask(
        &mut self,
        asker: Asker,
        user_id: UserId,
        chat_id: ChatId,
        cx: &Context<'_>,
    ) -> Result<u64, Problem> {
        let has_room = self.known.len() < MARKS_MAX || self.known.contains_key(&(user_id, chat_id));
        if self.questions.len() >= QUESTIONS_MAX || !has_room {
            return Err(Problem::MARKS_WAITING);
        }
        Ok(self.questions.add(Question {
            asker,
            user_id,
            chat_id,
            marked: Marked::default(),
            due_micros: cx.micros_in(READ_SECONDS_MAX),
        }))
    }

    /// Takes a wish whose answer has come. It may have been given up.
    pub(super) fn take(&mut self, question: u64) -> Option<Question> {
        self.questions.take(question)
    }

    /// The owner of the chat has answered. Where nothing is known of the mark, the store is to be asked, and this is for
    /// whom.
    pub(super) fn answered(&mut self, question: u64, marked: Marked) -> Option<Question> {
        let waiting = self.questions.get_mut(question)?;
        waiting.marked = marked;
        let key = (waiting.user_id, waiting.chat_id);
        (!self.known.contains_key(&key)).then_some(*waiting)
    }

    /// The store has said how far a mark is.
    pub(super) fn learn(&mut self, question: &Question, stored: Mark, now_micros: u64) {
        let (user_id, chat_id) = (question.user_id, question.chat_id);
        // Another wish may have been faster.
        if self.known.contains_key(&(user_id, chat_id)) {
            return;
        }
        self.known.insert((user_id, chat_id), Known::stored(stored));
        self.of_users.entry(user_id).or_default().push(chat_id);
        self.look_again(user_id, chat_id, now_micros + KEPT_MICROS);
    }

    fn look_again(&mut self, user_id: UserId, chat_id: ChatId, due_micros: u64) {
        if let Some(known) = self.known.get_mut(&(user_id, chat_id)) {
            known.due_micros = due_micros;
            self.due.push(Reverse((due_micros, user_id, chat_id)));
        }
    }

    /// Does what somebody wished, of whose mark something is known: they are answered once it is stored. What is to be
    /// told at once.
    pub(super) fn set(&mut self, question: &Question, cx: &mut Context<'_>) -> Option<News> {
        let Question {
            asker,
            user_id,
            chat_id,
            marked,
            due_micros,
        } = *question;
        let known = self.known.get_mut(&(user_id, chat_id))?;
        if marked.mark.seq <= known.stored {
            cx.answer(asker, Outcome::Done);
            return None;
        }
        known.waiting.push((asker, marked.mark.seq, due_micros));
        if marked.mark <= known.mark {
            return None;
        }
        known.mark = marked.mark;
        known.unread = marked.unread;
        known.last_seq = marked.last_seq;
        known.by = match asker.waiting {
            Waiting::Connection { conn, .. } => (asker.shard == cx.id()).then_some(conn),
            Waiting::Inbox { .. }
            | Waiting::Mark { .. }
            | Waiting::Telling { .. }
            | Waiting::Resume { .. }
            | Waiting::Following { .. }
            | Waiting::Erasing { .. } => None,
        };
        match known.quiet_until_micros <= cx.now.micros {
            true => self.publish(user_id, chat_id, cx.now.micros),
            false => None,
        }
    }

    /// Has a mark written, unless it is being written, and says what is to be told.
    fn publish(&mut self, user_id: UserId, chat_id: ChatId, now_micros: u64) -> Option<News> {
        let known = self.known.get_mut(&(user_id, chat_id))?;
        let Mark { seq, .. } = known.mark;
        if known.written < seq && known.written == known.stored {
            known.written = seq;
            self.unwritten.push(MarkRow {
                user_id,
                chat_id,
                mark: known.mark,
            });
        }
        let news = News {
            user_id,
            chat_id,
            marked: Marked {
                mark: known.mark,
                unread: known.unread,
                last_seq: known.last_seq,
            },
            by: known.by,
        };
        let is_news = std::mem::replace(&mut known.told, seq) < seq;
        let quiet_until_micros = now_micros + PAUSE_MICROS;
        known.quiet_until_micros = quiet_until_micros;
        self.look_again(user_id, chat_id, quiet_until_micros);
        is_news.then_some(news)
    }

    /// Looks at the marks that are due, or at all of them; what is to be told.
    pub(super) fn look(&mut self, all: bool, now_micros: u64) -> Vec<News> {
        let mut news = Vec::new();
        let mut rest = self.due.len();
        while rest > 0
            && let Some(Reverse((due_micros, user_id, chat_id))) = self.due.peek().copied()
            && (all || due_micros <= now_micros)
        {
            rest -= 1;
            self.due.pop();
            let key = (user_id, chat_id);
            let Some(known) = self.known.get_mut(&key) else {
                continue;
            };
            if known.due_micros != due_micros {
                continue;
            }
            known.waiting.retain(|(_, _, until)| *until > now_micros);
            if !known.is_settled() {
                news.extend(self.publish(user_id, chat_id, now_micros));
            } else if all || known.quiet_until_micros + KEPT_MICROS <= now_micros {
                self.forget(user_id, chat_id);
            } else {
                let due_micros = known.quiet_until_micros + KEPT_MICROS;
                self.look_again(user_id, chat_id, due_micros);
            }
        }
        news
    }

    /// Keeps news until what is unread by now has been counted. The number under which the owner of the chat answers.
    pub(super) fn keep_untold(&mut self, news: News, cx: &Context<'_>) -> u64 {
        self.untold.add(Untold {
            news,
            due_micros: cx.micros_in(READ_SECONDS_MAX),
        })
    }

    /// Takes news for which that has been counted. They may have been told without.
    pub(super) fn take_untold(&mut self, number: u64) -> Option<News> {
        Some(self.untold.take(number)?.news)
    }

    /// Takes news for which nobody has counted it.
    pub(super) fn overdue(&mut self, now_micros: u64) -> impl Iterator<Item = News> + use<> {
        let overdue = self.untold.take_if(|it| it.due_micros <= now_micros);
        overdue.into_iter().map(|it| it.news)
    }

    fn forget(&mut self, user_id: UserId, chat_id: ChatId) {
        self.known.remove(&(user_id, chat_id));
        if let Some(chats) = self.of_users.get_mut(&user_id) {
            chats.retain(|other| *other != chat_id);
            if chats.is_empty() {
                self.of_users.remove(&user_id);
            }
        }
    }

    /// The rows of what is to be written, and the number under which the store confirms them.
    pub(super) fn write(&mut self) -> Option<(u64, Vec<Row>)> {
        if self.unwritten.is_empty() {
            return None;
        }
        let marks = std::mem::take(&mut self.unwritten);
        let rows = marks.iter().map(|mark| Row::Mark(*mark)).collect();
        Some((self.writes.add(marks), rows))
    }

    /// The store has what was written under a number; false where that was nothing.
    pub(super) fn written(&mut self, number: u64, cx: &mut Context<'_>) -> bool {
        let Some(marks) = self.writes.take(number) else {
            return false;
        };
        for MarkRow {
            user_id,
            chat_id,
            mark,
        } in marks
        {
            let Some(known) = self.known.get_mut(&(user_id, chat_id)) else {
                continue;
            };
            known.stored = known.stored.max(mark.seq);
            let stored = known.stored;
            for (asker, ..) in known.waiting.extract_if(.., |(_, seq, _)| *seq <= stored) {
                cx.answer(asker, Outcome::Done);
            }
        }
        true
    }

    /// The marks of a user that a read of the store may have missed.
    pub(super) fn of(&self, user_id: UserId) -> impl Iterator<Item = (ChatId, Mark)> + '_ {
        let chats = self.of_users.get(&user_id).into_iter().flatten();
        chats.filter_map(move |chat_id| {
            let known = self.known.get(&(user_id, *chat_id))?;
            Some((*chat_id, known.mark))
        })
    }

    /// Whether all are stored.
    pub(super) fn are_stored(&self) -> bool {
        self.writes.len() == 0 && self.known.values().all(|it| it.stored == it.mark.seq)
    }

    /// Gives up wishes that nobody has answered: whoever asked is refused by their own deadline.
    pub(super) fn tick(&mut self, now_micros: u64) {
        self.questions.take_if(|it| it.due_micros <= now_micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::sample::Surroundings;

    fn user(n: usize) -> UserId {
        UserId::from_bytes((n as u128).to_be_bytes())
    }

    fn ask(marks: &mut Marks, n: usize, cx: &mut Context<'_>) -> Result<(), Problem> {
        let chat_id = ChatId::from_bytes([1; 16]);
        let asker = cx.asker(
            ConnId {
                slot: 0,
                generation: 0,
            },
            1,
        );
        let question = marks.ask(asker, user(n), chat_id, cx)?;
        let mark = Mark {
            seq: Seq(5),
            messages: 4,
        };
        let marked = Marked {
            mark,
            unread: 1,
            last_seq: Seq(6),
        };
        if let Some(waiting) = marks.answered(question, marked) {
            marks.learn(&waiting, Mark::default(), cx.now.micros);
        }
        let waiting = marks.take(question);
        waiting.map(|waiting| marks.set(&waiting, cx));
        Ok(())
    }

    #[test]
    fn only_so_many_marks_are_known_and_those_that_are_stored_give_way() {
        let mut surroundings = Surroundings::new();
        let mut marks = Marks::default();
        for n in 0..MARKS_MAX {
            assert_eq!(ask(&mut marks, n, &mut surroundings.at(0)), Ok(()));
        }
        let refused = ask(&mut marks, MARKS_MAX, &mut surroundings.at(0));
        assert_eq!(refused, Err(Problem::MARKS_WAITING));
        assert_eq!(
            ask(&mut marks, 7, &mut surroundings.at(0)),
            Ok(()),
            "it is known"
        );

        let (number, rows) = marks.write().expect("they are to be written");
        assert_eq!(rows.len(), MARKS_MAX);
        assert!(!marks.are_stored());
        assert!(marks.written(number, &mut surroundings.at(0)));
        assert!(marks.are_stored());
        assert_eq!(marks.of(user(7)).count(), 1);
        for micros in [PAUSE_MICROS, PAUSE_MICROS + KEPT_MICROS] {
            assert_eq!(marks.look(false, micros), []);
        }
        assert_eq!((marks.known.len(), marks.of_users.len()), (0, 0));
        assert!(marks.due.is_empty());
        let taken = ask(&mut marks, MARKS_MAX, &mut surroundings.at(0));
        assert_eq!(taken, Ok(()));
    }
}
