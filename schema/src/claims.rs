//! Who may append to a partition that several processes can reach: the writer whose claim has the highest
//! epoch. A claim is a record in the partition itself, so everybody who reads it comes to the same answer.
//!
//! An epoch is one more than the offset at which the partition ended when its claimer looked. So a later
//! claimer has a higher one without having read anything; of two that looked at the same end, the first in
//! the log wins. What a writer appends carries its epoch, and is void once a higher one stands:
//!
//! ```text
//! claim of e    valid where e is above the epoch that stands; then e stands
//! record of e   valid where e stands
//! ```
//!
//! A record that carries no epoch has epoch 0, which stands until the first claim: so topics go on in which
//! older versions wrote.

use crate::ids::Offset;
use crate::record::KINDS_MAX;
use crate::wire::Reader;

/// The key of the header with which each record travels, a [`Stamp`].
pub const STAMP_HEADER: &str = "w";
/// Bytes of a [`Stamp`].
const STAMP_BYTES: usize = 16;
/// The first byte of a claim. Kinds that are no records of the engine's are counted from the end.
const CLAIM_KIND: u8 = KINDS_MAX - 1;
/// Bytes of a [`Claim`].
const CLAIM_BYTES: usize = 17;

/// Whose turn it is to append.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// That of a claimer who found that the partition ends here.
    pub const fn at_end(end: Offset) -> Self {
        Self(end.0 + 1)
    }
}

/// Who wrote a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub epoch: Epoch,
    /// Counts the records of this epoch that were sent; some may never have arrived.
    pub number: u64,
}

impl Stamp {
    pub fn encode(self) -> [u8; STAMP_BYTES] {
        let mut bytes = [0; STAMP_BYTES];
        bytes[..8].copy_from_slice(&self.epoch.0.to_le_bytes());
        bytes[8..].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    /// `None` where the bytes are no stamp.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let (epoch, number) = (Epoch(reader.u64()?), reader.u64()?);
        reader.is_empty().then_some(Self { epoch, number })
    }
}

/// A record that makes its writer the only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub epoch: Epoch,
    /// A random number, by which the claimer knows its own.
    pub opening: u64,
}

impl Claim {
    pub fn encode(self) -> [u8; CLAIM_BYTES] {
        let mut bytes = [CLAIM_KIND; CLAIM_BYTES];
        bytes[1..9].copy_from_slice(&self.epoch.0.to_le_bytes());
        bytes[9..].copy_from_slice(&self.opening.to_le_bytes());
        bytes
    }

    /// `None` where the record is no claim, or one of another layout.
    pub fn decode(record: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(record);
        if reader.u8()? != CLAIM_KIND {
            return None;
        }
        let (epoch, opening) = (Epoch(reader.u64()?), reader.u64()?);
        reader.is_empty().then_some(Self { epoch, opening })
    }
}

/// What a message counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Valid,
    /// As if it were not there.
    Void,
    /// Its epoch is above the one that stands, and no claim of it was read. So its claim was removed from the
    /// partition's beginning, and what counted as valid so far was not.
    Unclaimed,
}

/// The epoch that stands in one partition, as its messages are read in order.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    epoch: Epoch,
    /// Whether a record with an epoch above may still tell which one stood where reading began.
    is_lower_bound: bool,
}

impl Standing {
    /// Where this epoch stands.
    pub const fn exactly(epoch: Epoch) -> Self {
        Self {
            epoch,
            is_lower_bound: false,
        }
    }

    /// Where this epoch stands, or a higher one: the first message tells.
    pub const fn at_least(epoch: Epoch) -> Self {
        Self {
            epoch,
            is_lower_bound: true,
        }
    }

    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub fn claim(&mut self, epoch: Epoch) -> Verdict {
        if epoch <= self.epoch {
            return Verdict::Void;
        }
        *self = Self::exactly(epoch);
        Verdict::Valid
    }

    pub fn record(&mut self, epoch: Epoch) -> Verdict {
        if epoch < self.epoch {
            return Verdict::Void;
        }
        if epoch > self.epoch && !self.is_lower_bound {
            return Verdict::Unclaimed;
        }
        *self = Self::exactly(epoch);
        Verdict::Valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is in a partition.
    #[derive(Clone, Copy, Debug)]
    enum Message {
        Claim(Claim),
        /// Of this epoch, by the process with this number.
        Record(Epoch, usize),
    }

    /// One that appends, frozen while it does nothing, and whose messages may land much later.
    #[derive(Clone, Debug, Default)]
    struct Process {
        claim: Option<Claim>,
        standing: Option<Standing>,
        is_owner: bool,
        read: usize,
        sent: Vec<Message>,
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Open,
        Post,
        Land,
        Read,
    }

    fn verdicts(log: &[Message], mut standing: Standing) -> Vec<Verdict> {
        log.iter()
            .map(|message| match message {
                Message::Claim(claim) => standing.claim(claim.epoch),
                Message::Record(epoch, _) => standing.record(*epoch),
            })
            .collect()
    }

    impl Process {
        fn step(&mut self, index: usize, step: Step, log: &mut Vec<Message>) {
            match step {
                Step::Open => {
                    let claim = Claim {
                        epoch: Epoch::at_end(Offset(log.len() as u64)),
                        opening: (log.len() * 100 + index) as u64,
                    };
                    // What an earlier opening sent may still land.
                    self.sent.push(Message::Claim(claim));
                    self.claim = Some(claim);
                    self.standing = Some(Standing::exactly(Epoch::default()));
                    (self.is_owner, self.read) = (false, 0);
                }
                Step::Post => {
                    if let Some(claim) = self.claim.filter(|_| self.is_owner) {
                        self.sent.push(Message::Record(claim.epoch, index));
                    }
                }
                Step::Land if !self.sent.is_empty() => log.push(self.sent.remove(0)),
                Step::Land => {}
                Step::Read => self.read_to_end(log),
            }
        }

        fn read_to_end(&mut self, log: &[Message]) {
            let (Some(claim), Some(standing)) = (self.claim, &mut self.standing) else {
                return;
            };
            for message in &log[self.read..] {
                let verdict = match message {
                    Message::Claim(found) => {
                        let verdict = standing.claim(found.epoch);
                        self.is_owner |= verdict == Verdict::Valid && *found == claim;
                        verdict
                    }
                    Message::Record(epoch, _) => standing.record(*epoch),
                };
                assert_ne!(verdict, Verdict::Unclaimed, "each had its claim read");
                self.is_owner &= standing.epoch() <= claim.epoch;
            }
            self.read = log.len();
        }
    }

    fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
        let step = prop_oneof![
            1 => Just(Step::Open),
            4 => Just(Step::Post),
            6 => Just(Step::Land),
            3 => Just(Step::Read),
        ];
        proptest::collection::vec((0..3usize, step), 0..80)
    }

    proptest! {
        #[test]
        fn one_writer_at_a_time_counts_and_readers_agree_wherever_they_begin(steps in steps()) {
            let (mut log, mut all) = (Vec::new(), vec![Process::default(); 3]);
            for (index, step) in steps {
                all[index].step(index, step, &mut log);
            }
            let whole = verdicts(&log, Standing::exactly(Epoch::default()));
            let mut standing = Standing::exactly(Epoch::default());
            let mut writer = None;
            for (start, (message, verdict)) in log.iter().zip(&whole).enumerate() {
                let exactly = verdicts(&log[start..], Standing::exactly(standing.epoch()));
                prop_assert_eq!(&exactly, &whole[start..]);
                // Who knows less finds out, or takes the same for valid behind the first claim.
                let guessed = verdicts(&log[start..], Standing::at_least(Epoch::default()));
                let is_claim = |at: &usize| {
                    matches!(log[*at], Message::Claim(_)) && whole[*at] == Verdict::Valid
                };
                let known = (start..log.len()).find(is_claim).unwrap_or(log.len());
                prop_assert!(
                    guessed.contains(&Verdict::Unclaimed)
                        || guessed[known - start..] == whole[known..]
                );
                match message {
                    Message::Claim(claim) => {
                        standing.claim(claim.epoch);
                        if *verdict == Verdict::Valid {
                            writer = None;
                        }
                    }
                    Message::Record(epoch, index) => {
                        standing.record(*epoch);
                        if *verdict == Verdict::Valid {
                            prop_assert_eq!(*writer.get_or_insert(*index), *index, "two writers");
                        }
                    }
                }
            }
        }

        #[test]
        fn stamps_and_claims_come_back_and_nothing_else_is_one(
            numbers in any::<(u64, u64)>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let stamp = Stamp { epoch: Epoch(numbers.0), number: numbers.1 };
            prop_assert_eq!(Stamp::decode(&stamp.encode()), Some(stamp));
            let claim = Claim { epoch: Epoch(numbers.0), opening: numbers.1 };
            prop_assert_eq!(Claim::decode(&claim.encode()), Some(claim));
            prop_assert_eq!(Stamp::decode(&bytes).is_some(), bytes.len() == STAMP_BYTES);
            let is_claim = bytes.len() == CLAIM_BYTES && bytes[0] == CLAIM_KIND;
            prop_assert_eq!(Claim::decode(&bytes).is_some(), is_claim);
        }
    }

    #[test]
    fn the_first_message_tells_which_epoch_stood_where_it_is_not_known() {
        let mut standing = Standing::at_least(Epoch(3));
        assert_eq!(standing.record(Epoch(2)), Verdict::Void);
        assert_eq!(standing.record(Epoch(7)), Verdict::Valid);
        assert_eq!(standing.record(Epoch(3)), Verdict::Void);
        assert_eq!(standing.record(Epoch(9)), Verdict::Unclaimed);
        assert_eq!(standing.claim(Epoch(7)), Verdict::Void);
        assert_eq!(standing.claim(Epoch(12)), Verdict::Valid);
        assert_eq!(standing.record(Epoch(12)), Verdict::Valid);
    }

    /// Other versions read them.
    #[test]
    fn what_is_in_a_topic_has_a_fixed_form() {
        let epoch = Epoch::at_end(Offset(4));
        let claim = Claim {
            epoch,
            opening: 258,
        }
        .encode();
        assert_eq!(claim, [31, 5, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
        let stamp = Stamp { epoch, number: 1 }.encode();
        assert_eq!(stamp, [5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    }
}
