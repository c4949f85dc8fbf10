//! Processes that take a partition from each other, with every order in which what they send may land, be
//! reported and be read: nothing that was confirmed is void.

use std::collections::VecDeque;
use std::time::Instant;

use proptest::prelude::*;
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatchBuilder;
use rookery_schema::claims::{Claim, Epoch, Stamp, Standing, Verdict as Judgement};

use super::appends::{Appends, Verdict};
use super::ownership::{Ownership, Reading};

/// A message, the opening that sent it, and its append.
#[derive(Clone, Debug)]
struct Message {
    bytes: Vec<u8>,
    stamp: Stamp,
    opening: u64,
    append: u64,
}

#[derive(Default)]
struct Process {
    opening: u64,
    ownership: Option<Ownership>,
    appends: Appends,
    /// On their way into the log, also from earlier openings.
    sent: VecDeque<Message>,
    /// Of which append, and the offset behind the record.
    reports: VecDeque<(u64, Offset)>,
    /// Those that wait for their answers.
    unanswered: VecDeque<Stamp>,
    read: usize,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Post,
    Land,
    /// Of the oldest that landed; whether the broker knows where it is.
    Report(bool),
    Read,
}

#[derive(Default)]
struct World {
    log: Vec<Message>,
    openings: u64,
    confirmed: Vec<Stamp>,
}

impl Process {
    fn step(&mut self, step: Step, world: &mut World) {
        match step {
            Step::Open => self.open(world),
            Step::Post => self.post(),
            Step::Land => self.land(world),
            Step::Report(is_placed) => self.report(is_placed),
            Step::Read => self.read(world),
        }
        while self.ownership.is_some()
            && let Some(answer) = self.appends.next_answer(Instant::now())
        {
            let stamp = self.unanswered.pop_front();
            world.confirmed.extend(stamp.filter(|_| answer.is_ok()));
        }
    }

    fn open(&mut self, world: &mut World) {
        world.openings += 1;
        self.opening = world.openings;
        let claim = Claim {
            epoch: Epoch::at_end(Offset(world.log.len() as u64)),
            opening: self.opening,
        };
        let standing = Standing::exactly(Epoch::default());
        self.ownership = Some(Ownership::new(claim, Offset(0), standing));
        self.appends = Appends::default();
        (self.reports, self.unanswered) = Default::default();
        self.read = 0;
        self.sent.push_back(Message {
            bytes: claim.encode().to_vec(),
            stamp: Stamp::default(),
            opening: 0,
            append: 0,
        });
    }

    fn post(&mut self) {
        let Some(ownership) = self.ownership.as_ref().filter(|it| it.is_owned()) else {
            return;
        };
        let mut batch = RecordBatchBuilder::default();
        batch.push_encoded(&[1]);
        self.appends.submit(batch.take(), Instant::now());
        if let Some((append, number, bytes)) = self.appends.next_record() {
            let stamp = ownership.stamp(number);
            self.sent.push_back(Message {
                bytes: bytes.to_vec(),
                stamp,
                opening: self.opening,
                append,
            });
            self.unanswered.push_back(stamp);
            self.appends.handed_over();
        }
    }

    fn land(&mut self, world: &mut World) {
        if let Some(message) = self.sent.pop_front() {
            let end = Offset(world.log.len() as u64 + 1);
            if message.opening == self.opening {
                self.reports.push_back((message.append, end));
            }
            world.log.push(message);
        }
    }

    fn report(&mut self, is_placed: bool) {
        if let Some((append, end)) = self.reports.pop_front() {
            let verdict = Verdict::Written(is_placed.then_some(end));
            self.appends.reported(append, 1, verdict, Instant::now());
        }
    }

    fn read(&mut self, world: &World) {
        let Some(ownership) = &mut self.ownership else {
            return;
        };
        let Some(message) = world.log.get(self.read) else {
            return;
        };
        let offset = Offset(self.read as u64);
        self.read += 1;
        let own = match ownership.read(offset, &message.bytes, message.stamp) {
            Reading::Record { own } => own,
            Reading::Claim | Reading::Void { .. } => None,
            Reading::Lost => {
                self.ownership = None;
                return;
            }
            Reading::Unclaimed => panic!("every claim is in the log"),
        };
        self.appends.read(offset.plus(1), own);
    }
}

/// Of each record that counts, its stamp.
fn valid(log: &[Message]) -> Vec<Stamp> {
    let mut standing = Standing::exactly(Epoch::default());
    let counts = |message: &&Message| match Claim::decode(&message.bytes) {
        Some(claim) => standing.claim(claim.epoch) == Judgement::Valid,
        None => standing.record(message.stamp.epoch) == Judgement::Valid,
    };
    log.iter()
        .filter(counts)
        .map(|message| message.stamp)
        .collect()
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        1 => Just(Step::Open),
        5 => Just(Step::Post),
        6 => Just(Step::Land),
        5 => any::<bool>().prop_map(Step::Report),
        6 => Just(Step::Read),
    ];
    proptest::collection::vec((0..3usize, step), 0..120)
}

proptest! {
    #[test]
    fn what_was_confirmed_counts_and_the_last_owner_has_all_confirmed(steps in steps()) {
        let mut world = World::default();
        let mut all: Vec<_> = (0..3).map(|_| Process::default()).collect();
        for (index, step) in steps {
            all[index].step(step, &mut world);
        }
        let until_idle = [Step::Land, Step::Report(true), Step::Read];
        for _ in 0..400 {
            for process in &mut all {
                for step in until_idle {
                    process.step(step, &mut world);
                }
            }
        }
        let valid = valid(&world.log);
        for stamp in &world.confirmed {
            prop_assert!(valid.contains(stamp), "{:?} is void", stamp);
        }
        for process in all.iter().filter(|it| it.ownership.is_some()) {
            prop_assert_eq!(process.unanswered.len(), 0, "never confirmed");
        }
    }
}
