//! Which message is due, when, of whom, and for which room.

use std::sync::Arc;
use std::time::Duration;

use crate::load::link::Message;
use crate::load::pool::Pool;
use crate::load::run::{Plan, TICK};
use crate::schedule::{Micros, Pace, Schedule};
use crate::stamp::Stamp;
use crate::world::{RoomPicker, World};

/// Decides which message is due.
pub(super) struct Dispatcher {
    pace: Pace,
    schedule: Schedule,
    end: Micros,
    messages_max: u64,
    planned: u64,
    world: Arc<World>,
    picker: RoomPicker,
    /// The intended time of the last message.
    last: Option<Micros>,
}

impl Dispatcher {
    pub(super) fn new(plan: &Plan, world: Arc<World>) -> Self {
        let per_second = match plan.pace {
            Pace::PerSecond(rate) => rate,
            Pace::Max | Pace::OneAtATime | Pace::Silent => f64::INFINITY,
        };
        Self {
            pace: plan.pace,
            schedule: Schedule::new(per_second),
            end: plan.window().end,
            messages_max: plan.messages_max,
            planned: 0,
            picker: RoomPicker::new(world.rooms.len(), plan.zipf_exponent),
            world,
            last: None,
        }
    }

    /// Whether there is more to send, now or later.
    pub(super) fn goes_on(&self, now: Micros) -> bool {
        let planned_until = match self.pace {
            Pace::PerSecond(_) => self.schedule.next_at(),
            Pace::Max | Pace::OneAtATime | Pace::Silent => now,
        };
        planned_until < self.end && self.planned < self.messages_max
    }

    /// Sends what is due now.
    pub(super) fn dispatch(&mut self, pool: &mut Pool) {
        let now = pool.ledger.now;
        match self.pace {
            Pace::PerSecond(_) => {
                while let Some(intended) = self.take_due(now) {
                    self.send(intended, pool);
                }
            }
            Pace::Max => {
                while pool.ledger.outstanding < pool.outstanding_max()
                    && self.planned < self.messages_max
                {
                    self.send(now, pool);
                }
            }
            Pace::OneAtATime if pool.ledger.is_complete() => {
                if let Some(last) = self.last {
                    pool.ledger.complete(last);
                }
                self.send(now, pool);
            }
            Pace::OneAtATime | Pace::Silent => {}
        }
    }

    fn take_due(&mut self, now: Micros) -> Option<Micros> {
        let goes_on = self.goes_on(now);
        goes_on.then(|| self.schedule.take_due(now)).flatten()
    }

    fn send(&mut self, intended: Micros, pool: &mut Pool) {
        let room = self.picker.pick();
        let members = &self.world.rooms[room as usize];
        let message = Message {
            stamp: Stamp {
                index: self.planned,
                intended,
            },
            room,
            sender: members.members[self.planned as usize % members.speakers],
        };
        self.planned += 1;
        self.last = Some(intended);
        pool.submit(message);
    }

    /// How long nothing is due.
    pub(super) fn idle_for(&self, now: Micros) -> Duration {
        if !self.goes_on(now) {
            return TICK;
        }
        match self.pace {
            Pace::PerSecond(_) => {
                let next = self.schedule.next_at().saturating_sub(now);
                TICK.min(Duration::from_micros(next))
            }
            Pace::Max | Pace::OneAtATime | Pace::Silent => TICK,
        }
    }
}
