//! The round: everything that a shard does for all of its connections at once.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use rookery_engine::effect::{Effects, Notice};
use rookery_engine::input::Input;
use rookery_engine::security::SecurityEvent;

use super::Core;
use crate::metrics;
use crate::runtime::Engine;
use crate::runtime::outside::{Control, News};

/// Target of the security log's lines.
const SECURITY: &str = "security";

impl<E: Engine> Core<E> {
    /// Runs rounds as they fall due, and sleeps in between, until the shard is stopped. `alarm` wakes it.
    pub(crate) fn run(&self, alarm: &Waker) {
        let mut due = true;
        while !self.end.stopped.get() {
            due = due
                || self
                    .outside
                    .borrow_mut()
                    .has_news(&Context::from_waker(alarm));
            self.wait(due);
            self.outside.borrow_mut().awake();
            self.tick_when_due();
            due = self.round() || self.is_due() || self.connections.borrow().has_ready();
        }
    }

    /// Waits until something happens, or time has come; not at all where a round is due.
    fn wait(&self, due: bool) {
        self.expire_clock();
        let at_most = match due {
            true => Duration::ZERO,
            false => self.until_next(),
        };
        let slept = self.now().micros;
        self.connections.borrow_mut().wait(at_most);
        self.expire_clock();
        if !due {
            self.ticks.slept(self.now().micros - slept);
            self.with_engine(|engine| engine.stats_mut().sleeps += 1);
        }
    }

    /// How long the shard may sleep.
    fn until_next(&self) -> Duration {
        let now = self.now().micros;
        let next_send = self.outside.borrow().next_send(now);
        let asked = self.wake_at_micros.get();
        let asked = asked.map(|at| Duration::from_micros(at.saturating_sub(now)));
        let next = next_send
            .into_iter()
            .chain(asked)
            .chain([self.ticks.until_tick(now)]);
        next.min().unwrap_or_default()
    }

    /// One round. True if there may be more news than it took, or more to do.
    fn round(&self) -> bool {
        self.look_for_standstill();
        if self.end.stop.is_set() {
            self.drain();
        }
        let sockets = self.serve_sockets();
        let rings = self.receive();
        let now = self.now();
        let mut effects = self.effects.borrow_mut();
        self.end_steps();
        self.with_engine(|engine| engine.flush(now, &mut effects));
        let answers = self.send(&mut effects);
        let crowd_before = self.connections.borrow().crowd.pushed();
        self.update_connections(effects.connections.drain(..));
        let has_crowd = self.finish_broadcasts(crowd_before, effects.broadcasts.drain(..));
        effects.notices.drain(..).for_each(report);
        let unfinished = std::mem::take(&mut effects.another_round);
        self.wake_at_micros.set(effects.wake_at_micros.take());
        drop(effects);
        answers.into_iter().for_each(|answer| self.step(answer));
        self.update_stall();
        self.report_drained();
        sockets || rings || unfinished || has_crowd
    }

    /// Counts the broadcasts of this round, and those to crowds once all have had their turn. True if some have not.
    fn finish_broadcasts(
        &self,
        crowd_before: u64,
        applied: impl ExactSizeIterator<Item = u64>,
    ) -> bool {
        let crowd = &mut self.connections.borrow_mut().crowd;
        if crowd.pushed() == crowd_before {
            self.count_broadcasts(applied);
        } else {
            crowd.hold(applied);
        }
        self.count_broadcasts(crowd.take_done().into_iter());
        !crowd.is_empty()
    }

    /// Counts how long it took to bring events to connections, by the time now and not the round's.
    fn count_broadcasts(&self, applied: impl ExactSizeIterator<Item = u64>) {
        if applied.len() > 0 {
            self.expire_clock();
            let now = self.now().micros;
            self.with_engine(|engine| engine.stats_mut().count_broadcasts(applied, now));
        }
    }

    fn receive(&self) -> bool {
        let mut controls = Vec::new();
        let more = self.outside.borrow_mut().receive(|news| match news {
            News::Input(input) => self.step(input),
            News::Socket(moved) => self.arrive(moved),
            News::Control(control) => controls.push(control),
        });
        controls.into_iter().for_each(|control| self.obey(control));
        more
    }

    fn obey(&self, control: Control) {
        match control {
            Control::TokenKeys(keys) => self.step(Input::TokenKeys(keys)),
            Control::Drain => self.drain(),
            Control::Stop => self.end.stopped.set(true),
        }
    }

    /// Begins to end: accepts those who wait for it now, and reads what has come; leaves to the standby who comes later.
    fn drain(&self) {
        if self.end.draining.replace(true) {
            return;
        }
        self.accept_waiting();
        self.connections.borrow_mut().close_listeners();
        self.step(Input::Drain);
        let now = self.now().micros;
        self.connections.borrow_mut().retire(now);
        self.end.status.closed.store(true, Ordering::Release);
    }

    /// Sends what was gathered for other threads. Returns answers that are known at once.
    fn send(&self, effects: &mut Effects) -> Vec<Input<'static>> {
        let mut answers = Vec::new();
        let mut outside = self.outside.borrow_mut();
        let now = self.now().micros;
        outside.send(effects, now, |answer| answers.push(answer));
        answers.extend(effects.renders.drain(..).map(|render| {
            let connections_max = self.connections.borrow().max(render.stats.len());
            Input::Rendered {
                ticket: render.ticket,
                body: metrics::render(&render.stats, connections_max, outside.disk.as_deref()),
            }
        }));
        answers
    }

    /// Stops reading sockets while other threads have no room for more.
    fn update_stall(&self) {
        let outside = self.outside.borrow();
        let begins = self.set_stalled(outside.is_stalled());
        self.with_engine(|engine| {
            let (stats, mesh) = (engine.stats_mut(), &outside.mesh);
            stats.mesh_depth = mesh.depth() as u64;
            stats.mesh_stalls += u64::from(begins);
            stats.mesh_wakeups = mesh.wakeups();
            stats.whispers_dropped_by_rings = mesh.whispers_dropped();
        });
    }
}

fn report(notice: Notice) {
    match notice {
        Notice::PoisonRecord {
            partition,
            offset,
            reason,
        } => tracing::error!(
            %partition,
            %offset,
            reason,
            "a record of the log could not be understood and was passed over"
        ),
        Notice::UntrustedForward { peer } => report_untrusted_forward(peer),
        Notice::Security(event) => report_security(&event),
        Notice::SecurityLeftOut { act, count } => tracing::warn!(
            target: SECURITY,
            event = act.name(),
            left_out = count,
            "security events were left out, since there are too many; rookery_security_events_total counts all"
        ),
        Notice::Bug { what } => tracing::error!(
            what,
            "a bug in this program: please report this line; rookery_bugs_total counts how often"
        ),
    }
}

/// Every shard tells of its first one, and the process of the first of all.
fn report_untrusted_forward(peer: IpAddr) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            %peer,
            "a request names its client, and its peer is no trusted proxy: if it is one, add it to --trusted-proxies; \
             until then all of its clients count as one"
        );
    }
}

fn report_security(event: &SecurityEvent) {
    tracing::info!(
        target: SECURITY,
        event = event.act.name(),
        outcome = event.outcome,
        user_id = event.user_id.map(tracing::field::display),
        address = %event.network.address(),
        "security event"
    );
}
