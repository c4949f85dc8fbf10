//! Chats that the store knows something to be done in are gone through in rounds, in its own order, a few at a time. Those behind come
//! before others that there are meanwhile in front, and what can't be done is left for the next round.

use rookery_schema::ChatId;

/// Microseconds until the store is read again that could not be.
const RETRY_MICROS: u64 = 1_000_000;
/// Microseconds until those chats are looked for again which were left.
const AGAIN_MICROS: u64 = 10_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    /// The store may have more chats.
    is_wanted: bool,
    /// The last chat that was found in this round.
    after: Option<ChatId>,
    /// Some that were found in this round are still in the store.
    is_any_left: bool,
    /// The store has not answered.
    is_under_way: bool,
    /// Nothing is done before.
    resume_micros: u64,
}

impl Rounds {
    /// There may be more chats.
    pub(crate) const fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Whether a step may begin.
    pub(crate) const fn is_due(&self, now_micros: u64) -> bool {
        !self.is_under_way && now_micros >= self.resume_micros
    }

    /// A step begins.
    pub(crate) const fn begin(&mut self) {
        self.is_under_way = true;
    }

    /// It is over.
    pub(crate) const fn end(&mut self) {
        self.is_under_way = false;
    }

    /// Whether the store is to be asked for chats, those behind [`Self::after`]: this is the step that begins.
    pub(crate) const fn begin_looking(&mut self) -> bool {
        if self.is_wanted {
            // Who wants it from here on may mean a chat that this read does not find.
            self.is_wanted = false;
            self.is_under_way = true;
        }
        self.is_under_way
    }

    /// See [`Self::begin_looking`].
    pub(crate) const fn after(&self) -> Option<ChatId> {
        self.after
    }

    /// The store has more chats, up to the last of them. Where it has none at all, there are none until [`Self::want`].
    pub(crate) fn found(&mut self, last: Option<ChatId>, now_micros: u64) {
        self.is_under_way = false;
        let is_round_over = last.is_none() && self.after.is_some();
        self.is_wanted |= last.is_some() || is_round_over;
        if is_round_over && std::mem::take(&mut self.is_any_left) {
            self.resume_micros = now_micros + AGAIN_MICROS;
        }
        self.after = last;
    }

    /// A chat is left for the next round.
    pub(crate) const fn leave(&mut self) {
        self.is_under_way = false;
        self.is_any_left = true;
    }

    /// The store could not tell which chats it has.
    pub(crate) const fn look_again(&mut self, now_micros: u64) {
        self.is_wanted = true;
        self.fail(now_micros);
    }

    /// The store could not be read: it has some time.
    pub(crate) const fn fail(&mut self, now_micros: u64) {
        self.is_under_way = false;
        self.resume_micros = now_micros + RETRY_MICROS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(n: u8) -> ChatId {
        ChatId::from_bytes([n; 16])
    }

    /// The chat behind which it is looked, if it is.
    fn look(rounds: &mut Rounds, now: u64) -> Option<Option<ChatId>> {
        (rounds.is_due(now) && rounds.begin_looking()).then(|| rounds.after())
    }

    #[test]
    fn a_round_goes_on_behind_the_last_chat_until_there_is_none_at_all() {
        let mut rounds = Rounds::default();
        assert_eq!(look(&mut rounds, 0), None);
        rounds.want();
        for (behind, found) in [
            (None, Some(chat(2))),
            (Some(chat(2)), Some(chat(5))),
            (Some(chat(5)), None),
            (None, Some(chat(1))),
            (Some(chat(1)), None),
            (None, None),
        ] {
            assert_eq!(look(&mut rounds, 0), Some(behind));
            assert!(!rounds.is_due(0), "one step at a time");
            rounds.found(found, 0);
        }
        assert_eq!(look(&mut rounds, u64::MAX), None);
    }

    #[test]
    fn a_chat_that_comes_up_while_the_store_is_asked_is_looked_for_again() {
        let mut rounds = Rounds::default();
        rounds.want();
        look(&mut rounds, 0);
        rounds.want();
        rounds.found(None, 0);
        assert_eq!(look(&mut rounds, 0), Some(None));
        rounds.found(None, 0);
        assert_eq!(look(&mut rounds, 0), None);
    }

    #[test]
    fn what_was_left_is_not_looked_for_at_once() {
        let mut rounds = Rounds::default();
        rounds.want();
        look(&mut rounds, 0);
        rounds.found(Some(chat(1)), 0);
        rounds.begin();
        rounds.leave();
        assert_eq!(
            look(&mut rounds, 0),
            Some(Some(chat(1))),
            "others come first"
        );
        rounds.found(None, 7);
        assert_eq!(look(&mut rounds, AGAIN_MICROS + 6), None);
        assert_eq!(look(&mut rounds, AGAIN_MICROS + 7), Some(None));
        rounds.found(Some(chat(1)), 20_000_000);
        assert_eq!(look(&mut rounds, 20_000_000), Some(Some(chat(1))));
        rounds.found(None, 20_000_000);
        assert_eq!(look(&mut rounds, 20_000_000), Some(None), "none was left");
    }

    #[test]
    fn a_store_that_could_not_be_read_has_a_second() {
        let mut rounds = Rounds::default();
        rounds.want();
        look(&mut rounds, 0);
        rounds.look_again(5);
        assert_eq!(look(&mut rounds, RETRY_MICROS + 4), None);
        assert_eq!(look(&mut rounds, RETRY_MICROS + 5), Some(None));
    }
}
