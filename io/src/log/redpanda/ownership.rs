//! One partition as this process owns it: which of its messages count, and whether it still is the owner. A
//! state machine without a broker.

use std::collections::VecDeque;

use rookery_schema::Offset;
use rookery_schema::claims::{Claim, Epoch, Stamp, Standing, Verdict};
use rookery_schema::record::is_foreign;

/// What a message means to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// To be delivered; the number of the record where it is an own one.
    Record { own: Option<u64> },
    /// A claim that changes nothing here: an older one, or our own.
    Claim,
    /// A record of a writer that is not, or no longer, the owner.
    Void { epoch: Epoch },
    /// Another process owns the partition from here on.
    Lost,
    /// See [`Verdict::Unclaimed`].
    Unclaimed,
}

/// From where on which epoch stands, as a commit carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) from: Offset,
    pub(super) epoch: Epoch,
}

impl Mark {
    /// `None` where it is the commit of an older version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (epoch, from) = text.split_once('@')?;
        Some(Self {
            from: Offset(from.parse().ok()?),
            epoch: Epoch(epoch.parse().ok()?),
        })
    }

    pub(super) fn text(self) -> String {
        format!("{}@{}", self.epoch.0, self.from)
    }

    /// What stands where reading begins.
    pub(super) fn standing(mark: Option<Self>, start: Offset) -> Standing {
        match mark {
            _ if start == Offset(0) => Standing::exactly(Epoch::default()),
            Some(mark) if mark.from == start => Standing::exactly(mark.epoch),
            Some(mark) if mark.from < start => Standing::at_least(mark.epoch),
            Some(_) | None => Standing::at_least(Epoch::default()),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ownership {
    claim: Claim,
    /// The own claim was read, and no later one.
    owned: bool,
    standing: Standing,
    /// Which epoch stood where reading began, and the valid claims since, oldest first.
    history: VecDeque<Mark>,
}

impl Ownership {
    /// Of a process that made this claim, and reads from `start` on.
    pub(super) fn new(claim: Claim, start: Offset, standing: Standing) -> Self {
        let beginning = Mark {
            from: start,
            epoch: standing.epoch(),
        };
        Self {
            claim,
            owned: false,
            standing,
            history: VecDeque::from([beginning]),
        }
    }

    /// Whether records may be appended.
    pub(super) const fn is_owned(&self) -> bool {
        self.owned
    }

    /// What the own record with this number carries.
    pub(super) const fn stamp(&self, number: u64) -> Stamp {
        Stamp {
            epoch: self.claim.epoch,
            number,
        }
    }

    /// Takes the next message in the order of the log.
    pub(super) fn read(&mut self, offset: Offset, message: &[u8], stamp: Stamp) -> Reading {
        if is_foreign(message) {
            // It changes nothing but the number of dead letters, whoever wrote it.
            return Reading::Record { own: None };
        }
        if let Some(claim) = Claim::decode(message) {
            return self.read_claim(offset, claim);
        }
        match self.standing.record(stamp.epoch) {
            Verdict::Unclaimed => Reading::Unclaimed,
            Verdict::Void => Reading::Void { epoch: stamp.epoch },
            Verdict::Valid if self.is_superseded() => Reading::Lost,
            Verdict::Valid => {
                if let Some(newest) = self.history.back_mut() {
                    // The first record may tell which epoch stood all the time.
                    newest.epoch = stamp.epoch;
                }
                let is_own = self.owned && stamp.epoch == self.claim.epoch;
                Reading::Record {
                    own: is_own.then_some(stamp.number),
                }
            }
        }
    }

    fn read_claim(&mut self, offset: Offset, claim: Claim) -> Reading {
        let is_valid = self.standing.claim(claim.epoch) == Verdict::Valid;
        if is_valid {
            self.history.push_back(Mark {
                from: offset.plus(1),
                epoch: claim.epoch,
            });
        }
        if self.is_superseded() {
            return Reading::Lost;
        }
        if claim == self.claim && !self.owned {
            // Of two claims of one epoch the first counts.
            if !is_valid {
                return Reading::Lost;
            }
            self.owned = true;
        }
        Reading::Claim
    }

    fn is_superseded(&self) -> bool {
        self.standing.epoch() > self.claim.epoch
    }

    /// Which epoch stands at an offset, for a later start that reads from there on. What is older is
    /// forgotten.
    pub(super) fn mark_at(&mut self, start: Offset) -> Mark {
        while self.history.get(1).is_some_and(|mark| mark.from <= start) {
            self.history.pop_front();
        }
        let mark = self.history.front();
        Mark {
            from: start,
            epoch: mark.map_or(Epoch::default(), |mark| mark.epoch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Claim = Claim {
        epoch: Epoch(5),
        opening: 77,
    };

    /// Of a process that claims at offset 4 or later, and reads from the beginning.
    fn ownership() -> Ownership {
        Ownership::new(CLAIM, Offset(0), Standing::exactly(Epoch::default()))
    }

    fn claim(it: &mut Ownership, offset: u64, epoch: u64, opening: u64) -> Reading {
        let claim = Claim {
            epoch: Epoch(epoch),
            opening,
        };
        it.read(Offset(offset), &claim.encode(), Stamp::default())
    }

    fn record(it: &mut Ownership, offset: u64, epoch: u64, number: u64) -> Reading {
        let epoch = Epoch(epoch);
        it.read(Offset(offset), &[1], Stamp { epoch, number })
    }

    const OTHERS: Reading = Reading::Record { own: None };

    #[test]
    fn it_owns_the_partition_from_its_own_claim_to_the_next() {
        let mut it = ownership();
        assert_eq!(record(&mut it, 0, 0, 0), OTHERS);
        assert_eq!(claim(&mut it, 1, 2, 9), Reading::Claim);
        assert_eq!(record(&mut it, 2, 2, 3), OTHERS);
        assert!(!it.is_owned());
        assert_eq!(claim(&mut it, 4, 5, 77), Reading::Claim);
        assert!(it.is_owned());
        let void = Reading::Void { epoch: Epoch(2) };
        assert_eq!(record(&mut it, 5, 2, 4), void);
        let own = Reading::Record { own: Some(0) };
        assert_eq!(record(&mut it, 6, 5, 0), own);
        assert_eq!(claim(&mut it, 7, 4, 8), Reading::Claim, "it came too late");
        assert_eq!(
            claim(&mut it, 8, 5, 77),
            Reading::Claim,
            "it was sent twice"
        );
        assert_eq!(it.read(Offset(9), b"text", Stamp::default()), OTHERS);
        assert_eq!(claim(&mut it, 10, 9, 8), Reading::Lost);
    }

    #[test]
    fn of_two_that_claim_at_one_moment_the_first_in_the_log_goes_on() {
        let mut it = ownership();
        assert_eq!(claim(&mut it, 4, 5, 78), Reading::Claim);
        assert_eq!(claim(&mut it, 5, 5, 77), Reading::Lost);
        let mut first = ownership();
        assert_eq!(claim(&mut first, 4, 5, 77), Reading::Claim);
        assert_eq!(claim(&mut first, 5, 5, 78), Reading::Claim);
        assert!(first.is_owned());
    }

    #[test]
    fn a_later_claim_is_noticed_before_the_own_one_and_without_it() {
        assert_eq!(claim(&mut ownership(), 5, 6, 8), Reading::Lost);
        let mut it = Ownership::new(CLAIM, Offset(3), Standing::at_least(Epoch(0)));
        assert_eq!(record(&mut it, 3, 6, 0), Reading::Lost);
        let mut it = ownership();
        assert_eq!(record(&mut it, 3, 4, 0), Reading::Unclaimed);
    }

    #[test]
    fn a_commit_carries_the_epoch_that_stands_where_the_next_start_begins() {
        let mut it = ownership();
        claim(&mut it, 1, 2, 9);
        claim(&mut it, 4, 5, 77);
        for (start, epoch) in [(0, 0), (1, 0), (2, 2), (4, 2), (5, 5), (9, 5)] {
            let mark = it.mark_at(Offset(start));
            assert_eq!((mark.from.0, mark.epoch.0), (start, epoch));
            assert_eq!(Mark::parse(&mark.text()), Some(mark));
        }
        assert_eq!(it.history.len(), 1, "older ones are forgotten");
        for text in ["", "5", "5@", "@5", "x@1"] {
            assert_eq!(Mark::parse(text), None);
        }
    }

    #[test]
    fn what_stands_at_the_beginning_is_as_certain_as_the_mark() {
        let mark = Some(Mark {
            from: Offset(10),
            epoch: Epoch(7),
        });
        let is_pinned = |mark, start, epoch| {
            let mut standing = Mark::standing(mark, Offset(start));
            (standing.epoch().0, standing.record(Epoch(epoch)))
        };
        assert_eq!(is_pinned(mark, 10, 8), (7, Verdict::Unclaimed));
        assert_eq!(is_pinned(mark, 12, 8), (7, Verdict::Valid), "trimmed since");
        assert_eq!(
            is_pinned(mark, 8, 3),
            (0, Verdict::Valid),
            "a store lost rows"
        );
        assert_eq!(is_pinned(None, 8, 3), (0, Verdict::Valid));
        assert_eq!(is_pinned(None, 0, 3), (0, Verdict::Unclaimed));
    }
}
