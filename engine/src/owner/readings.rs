//! Which reads of a chat's messages are under way, so that what amends them is kept until no read can lack it.

use std::collections::VecDeque;

use rookery_schema::ChatId;

use crate::map::Map;
use crate::owner::chat::Reading;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// The numbers of each chat's reads, in the order in which they began.
    under_way: Map<ChatId, VecDeque<u64>>,
    last: u64,
}

impl Readings {
    /// A read of a chat's messages begins; its number ends it.
    pub(crate) fn begin(&mut self, chat_id: ChatId) -> u64 {
        self.last += 1;
        let numbers = self.under_way.entry(chat_id).or_default();
        numbers.push_back(self.last);
        self.last
    }

    pub(crate) fn end(&mut self, chat_id: ChatId, number: u64) {
        if let Some(numbers) = self.under_way.get_mut(&chat_id) {
            numbers.retain(|it| *it != number);
            if numbers.is_empty() {
                self.under_way.remove(&chat_id);
            }
        }
    }

    /// Whether any is of this chat.
    pub(crate) fn has(&self, chat_id: ChatId) -> bool {
        self.under_way.contains_key(&chat_id)
    }

    pub(crate) fn of(&self, chat_id: ChatId) -> Reading {
        let numbers = self.under_way.get(&chat_id);
        Reading {
            next: self.last + 1,
            oldest: numbers.and_then(|numbers| numbers.front().copied()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: ChatId = ChatId::from_bytes([1; 16]);

    #[test]
    fn the_oldest_read_of_a_chat_is_known_until_it_ends() {
        let mut readings = Readings::default();
        assert_eq!(readings.of(CHAT).oldest, None);
        let first = readings.begin(CHAT);
        readings.begin(ChatId::from_bytes([2; 16]));
        let second = readings.begin(CHAT);
        let reading = readings.of(CHAT);
        assert_eq!((reading.oldest, reading.next), (Some(first), second + 1));
        readings.end(CHAT, first);
        assert_eq!(readings.of(CHAT).oldest, Some(second));
        readings.end(CHAT, second);
        assert_eq!(readings.of(CHAT).oldest, None);
        assert_eq!(readings.under_way.len(), 1);
    }
}
