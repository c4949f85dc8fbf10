//! The proof that a run was correct: what each listener has heard of a room, against what was accepted for it.

/// What a listener has heard of one room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages.
    pub messages: u64,
    /// The highest number of an event; 0 before the first.
    pub last_seq: u64,
    /// Numbers that were passed over.
    pub lost: u64,
    /// Events with the number of the one before.
    pub duplicated: u64,
    /// Events with a lower number than the one before.
    pub reordered: u64,
    /// Of all messages.
    contents: ContentSum,
}

impl Tally {
    /// Counts a message of which just the number is known.
    pub fn count(&mut self, seq: u64) {
        self.messages += 1;
        self.step(seq);
    }

    /// Counts a message.
    pub fn hear(&mut self, seq: u64, index: u64) {
        self.count(seq);
        self.contents.add(index);
    }

    /// Goes on to an event's number: without a gap, as every event has one.
    pub fn step(&mut self, seq: u64) {
        if self.last_seq > 0 {
            self.lost += seq.saturating_sub(self.last_seq + 1);
            self.duplicated += u64::from(seq == self.last_seq);
            self.reordered += u64::from(seq < self.last_seq);
        }
        self.last_seq = self.last_seq.max(seq);
    }
}

/// A sum over a set of messages, whatever their order. Sets of one size have the same sum only if they are the
/// same, but for a chance of one in 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ContentSum(u64);

impl ContentSum {
    fn add(&mut self, index: u64) {
        // The finalizer of MurmurHash3: neighbours must not cancel each other out.
        let mut mixed = index.wrapping_add(1);
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        self.0 = self.0.wrapping_add(mixed ^ mixed >> 33);
    }
}

/// What the server has said about the messages of one room.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    /// Every listener must get these, once.
    pub accepted: u64,
    /// Refused, or never answered: may be delivered or not, since a refusal can mean that the outcome is
    /// unknown.
    pub uncertain: u64,
    contents: ContentSum,
}

impl Account {
    /// A message was accepted.
    pub fn accept(&mut self, index: u64) {
        self.accepted += 1;
        self.contents.add(index);
    }
}

/// What came of the deliveries of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub lost: u64,
    pub duplicated: u64,
    pub reordered: u64,
    /// Listeners' rooms in which the count is right, but the messages are not those that were accepted.
    pub altered: u64,
}

impl Verdict {
    /// Judges what one listener has heard of a room.
    pub fn judge(&mut self, account: &Account, tally: &Tally) {
        let possible = account.accepted + account.uncertain;
        // A gap that was filled too late is a wrong order and no loss; what is missing at either end shows
        // in the count alone.
        let gaps = tally.lost.saturating_sub(tally.reordered);
        self.lost += gaps.max(account.accepted.saturating_sub(tally.messages));
        self.duplicated += tally
            .duplicated
            .max(tally.messages.saturating_sub(possible));
        self.reordered += tally.reordered;
        let comparable = account.uncertain == 0 && tally.messages == account.accepted;
        self.altered += u64::from(comparable && tally.contents != account.contents);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Verdict = Verdict {
        lost: 0,
        duplicated: 0,
        reordered: 0,
        altered: 0,
    };

    fn account(accepted: std::ops::Range<u64>, uncertain: u64) -> Account {
        let mut account = Account {
            uncertain,
            ..Account::default()
        };
        accepted.for_each(|index| account.accept(index));
        account
    }

    /// Heard: pairs of number and message.
    fn verdict(account: &Account, heard: &[(u64, u64)]) -> Verdict {
        let mut tally = Tally::default();
        for (seq, index) in heard {
            tally.hear(*seq, *index);
        }
        let mut verdict = Verdict::default();
        verdict.judge(account, &tally);
        verdict
    }

    #[test]
    fn everything_once_and_in_order_is_clean_however_senders_raced() {
        assert_eq!(verdict(&account(0..3, 0), &[(2, 1), (3, 0), (4, 2)]), CLEAN);
    }

    #[test]
    fn a_loss_shows_in_the_middle_and_at_either_end() {
        for heard in [[(2, 0), (4, 2)], [(3, 1), (4, 2)], [(2, 0), (3, 1)]] {
            assert_eq!(verdict(&account(0..3, 0), &heard).lost, 1);
        }
    }

    #[test]
    fn a_repeat_shows_under_its_old_number_and_under_a_new_one() {
        for again in [(3, 1), (4, 1)] {
            let verdict = verdict(&account(0..2, 0), &[(2, 0), (3, 1), again]);
            assert_eq!(verdict.duplicated, 1);
        }
    }

    #[test]
    fn a_late_message_is_reordered_and_not_lost() {
        let verdict = verdict(&account(0..3, 0), &[(2, 0), (4, 2), (3, 1)]);
        assert_eq!((verdict.lost, verdict.reordered), (0, 1));
    }

    #[test]
    fn another_content_in_a_message_s_place_is_noticed() {
        let verdict = verdict(&account(0..2, 0), &[(2, 0), (3, 7)]);
        assert_eq!(verdict.altered, 1);
    }

    #[test]
    fn a_refused_message_may_come_or_not_but_not_two() {
        let account = account(0..2, 1);
        assert_eq!(verdict(&account, &[(2, 0), (3, 1)]), CLEAN);
        assert_eq!(verdict(&account, &[(2, 0), (3, 1), (4, 9)]), CLEAN);
        let more = verdict(&account, &[(2, 0), (3, 1), (4, 9), (5, 9)]);
        assert_eq!(more.duplicated, 1);
    }
}
