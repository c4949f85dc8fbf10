//! Changes of messages, one at a time for each message: the next is decided when the one before was applied or came to
//! nothing, so that each sees all that came before it.

use std::collections::VecDeque;

use rookery_schema::message::Message;
use rookery_schema::record::MessageAmended;
use rookery_schema::{ChatId, MessageId, Timestamp};

use crate::context::MICROS_PER_SECOND;
use crate::map::Map;
use crate::mesh::command::deadlines::ANSWER_SECONDS_MAX;
use crate::mesh::problem::Problem;
use crate::mesh::{Amend, Asker};
use crate::owner::amending::asks_for;

/// Changes that may wait for one message.
const WAITING_MAX: usize = 64;

/// The message that is to be changed.
pub(crate) type MessageKey = (ChatId, MessageId);

/// A change that was asked for.
#[derive(Debug)]
pub(crate) struct AskedAmend {
    pub(crate) asker: Asker,
    pub(crate) amend: Box<Amend>,
    /// When it came, in microseconds.
    pub(crate) since_micros: u64,
}

impl AskedAmend {
    /// Whether whoever asked has been told by now that it was not answered in time.
    pub(crate) const fn is_late(&self, now_micros: u64) -> bool {
        self.since_micros + ANSWER_SECONDS_MAX * MICROS_PER_SECOND <= now_micros
    }
}

/// A change that is on its way through the log.
#[derive(Debug)]
struct Appended {
    asker: Asker,
    /// The time in its record.
    at: Timestamp,
    amend: Box<Amend>,
    /// The message as it was before.
    message: Message,
}

#[derive(Debug, Default)]
struct Queue {
    appended: Option<Box<Appended>>,
    waiting: VecDeque<AskedAmend>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct MessageQueues(Map<MessageKey, Queue>);

impl MessageQueues {
    /// Gives a change back if it is its turn; from then on others wait, until [`Self::next`] or [`Self::take`].
    ///
    /// # Errors
    /// Where too many wait.
    pub(crate) fn enter(
        &mut self,
        key: MessageKey,
        asked: AskedAmend,
    ) -> Result<Option<AskedAmend>, Problem> {
        match self.0.get_mut(&key) {
            None => {
                self.0.insert(key, Queue::default());
                Ok(Some(asked))
            }
            Some(queue) if queue.waiting.len() >= WAITING_MAX => Err(Problem::AMENDMENTS_WAITING),
            Some(queue) => {
                queue.waiting.push_back(asked);
                Ok(None)
            }
        }
    }

    /// The change whose turn it is was appended with this time; the message was like this before.
    pub(crate) fn appended(
        &mut self,
        key: MessageKey,
        asker: Asker,
        at: Timestamp,
        amend: Box<Amend>,
        message: Message,
    ) {
        if let Some(queue) = self.0.get_mut(&key) {
            let appended = Appended {
                asker,
                at,
                amend,
                message,
            };
            queue.appended = Some(Box::new(appended));
        }
    }

    /// Somebody's change was not appended, or nobody knows: whether it is the one whose turn it is, and not one that was
    /// applied before that was told.
    pub(crate) fn failed(&mut self, key: MessageKey, asker: Asker) -> bool {
        let queue = self.0.get_mut(&key);
        let appended = queue.and_then(|queue| queue.appended.take_if(|it| it.asker == asker));
        appended.is_some()
    }

    /// A record was applied: the message as it was before, if it is the one whose turn it is, and none that nobody knew
    /// of any more, or that an earlier owner appended.
    pub(crate) fn applied(&mut self, record: &MessageAmended<'_>) -> Option<Message> {
        let key = (record.chat_id, record.target.message_id);
        let queue = self.0.get_mut(&key)?;
        let is_it = |it: &mut Box<Appended>| it.at == record.at && asks_for(&it.amend, record);
        Some(queue.appended.take_if(is_it)?.message)
    }

    /// The change whose turn it was is done: the next one, whose turn it is from now on.
    pub(crate) fn next(&mut self, key: MessageKey) -> Option<AskedAmend> {
        let queue = self.0.get_mut(&key)?;
        queue.appended = None;
        let next = queue.waiting.pop_front();
        if next.is_none() {
            self.0.remove(&key);
        }
        next
    }

    /// The same, but takes all that wait. It is nobody's turn from now on.
    pub(crate) fn take(&mut self, key: MessageKey) -> VecDeque<AskedAmend> {
        let queue = self.0.remove(&key);
        queue.map(|queue| queue.waiting).unwrap_or_default()
    }

    /// Takes all that wait.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = AskedAmend> + '_ {
        self.0.drain().flat_map(|(_, queue)| queue.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::{MessageChange, Waiting};
    use rookery_schema::record::{Change, MessagePosted, Target};
    use rookery_schema::{Seq, ShardId, UserId};

    const KEY: MessageKey = (ChatId::from_bytes([1; 16]), MessageId::from_bytes([2; 16]));
    const AT: Timestamp = Timestamp::from_millis(5);

    fn asked(gather: u64) -> AskedAmend {
        AskedAmend {
            asker: Asker {
                shard: ShardId(0),
                waiting: Waiting::Inbox { gather },
            },
            amend: Box::new(Amend {
                caller: UserId::from_bytes([3; 16]),
                message_id: KEY.1,
                change: MessageChange::Delete,
            }),
            since_micros: gather,
        }
    }

    fn number(asked: Option<AskedAmend>) -> Option<u64> {
        asked.map(|asked| asked.since_micros)
    }

    fn message() -> Message {
        let posted = MessagePosted {
            chat_id: KEY.0,
            message_id: KEY.1,
            sender_id: UserId::from_bytes([3; 16]),
            at: AT,
            client_id: None,
            content: "x",
        };
        Message::said(&posted, Seq(1), 1)
    }

    #[test]
    fn one_change_of_a_message_is_at_work_and_others_wait_in_order() {
        let mut queues = MessageQueues::default();
        let mut enter = |key, n| number(queues.enter(key, asked(n)).expect("there is room"));
        assert_eq!(enter(KEY, 1), Some(1));
        assert_eq!((enter(KEY, 2), enter(KEY, 3)), (None, None));
        let other = (KEY.0, MessageId::from_bytes([9; 16]));
        assert_eq!(enter(other, 4), Some(4));
        assert_eq!(number(queues.next(KEY)), Some(2));
        assert_eq!(number(queues.next(KEY)), Some(3));
        assert_eq!(number(queues.next(KEY)), None);
        assert_eq!(
            number(queues.enter(KEY, asked(5)).expect("there is room")),
            Some(5)
        );
    }

    #[test]
    fn no_more_wait_for_a_message_than_the_bound() {
        let mut queues = MessageQueues::default();
        for n in 0..=WAITING_MAX as u64 {
            assert!(queues.enter(KEY, asked(n)).is_ok());
        }
        let refused = queues.enter(KEY, asked(99)).map(number);
        assert_eq!(refused, Err(Problem::AMENDMENTS_WAITING));
        assert_eq!(number(queues.next(KEY)), Some(1));
        assert_eq!(queues.enter(KEY, asked(99)).map(number), Ok(None));
        assert_eq!(queues.take(KEY).len(), WAITING_MAX);
    }

    /// The record of a deletion.
    fn deleted(at: Timestamp) -> MessageAmended<'static> {
        MessageAmended {
            chat_id: KEY.0,
            by: UserId::from_bytes([3; 16]),
            at,
            target: Target {
                seq: Seq(1),
                messages: 1,
                message_id: KEY.1,
                sender_id: UserId::from_bytes([3; 16]),
                at: AT,
                client_id: None,
            },
            change: Change::Deleted { supersedes: None },
        }
    }

    #[test]
    fn what_an_earlier_owner_appended_is_told_from_what_this_one_did() {
        let mut queues = MessageQueues::default();
        assert_eq!(queues.applied(&deleted(AT)), None);
        assert!(queues.enter(KEY, asked(1)).is_ok());
        assert_eq!(queues.applied(&deleted(AT)), None);
        let AskedAmend { asker, amend, .. } = asked(1);
        queues.appended(KEY, asker, AT, amend, message());
        assert!(!queues.failed(KEY, asked(2).asker));
        let other_change = MessageAmended {
            change: Change::Edited {
                supersedes: None,
                content: "other",
            },
            ..deleted(AT)
        };
        for other in [deleted(Timestamp::from_millis(4)), other_change] {
            assert_eq!(queues.applied(&other), None);
        }
        assert_eq!(queues.applied(&deleted(AT)), Some(message()));
        assert_eq!(queues.applied(&deleted(AT)), None);
        assert!(!queues.failed(KEY, asker), "it was applied");
    }
}
