//! The round: everything that a shard does for all of its connections at once.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use glommio::timer::Timer;
use rookery_engine::effect::{Effects, Notice};
use rookery_engine::input::Input;

use super::core::Core;
use super::outside::News;
use super::{Control, Engine, Outside};
use crate::metrics;
use crate::net::socket::Socket;

/// After how long a round tries again what another thread's ring had no room for.
const RETRY_AFTER: Duration = Duration::from_millis(1);

/// What the task of the rounds keeps from one to the next.
#[derive(Default)]
struct Pending {
    /// Rings may hold something.
    news: bool,
    /// When to try again what a ring had no room for.
    retry: Option<Timer>,
}

impl<E: Engine> Core<E> {
    /// Runs rounds as they fall due, at most one each time that this task has its turn, until the shard
    /// is stopped.
    pub(super) async fn rounds(self: Rc<Self>) {
        let mut pending = Pending::default();
        poll_fn(|context| self.poll_round(&mut pending, context)).await;
    }

    fn poll_round(self: &Rc<Self>, pending: &mut Pending, context: &mut Context<'_>) -> Poll<()> {
        let due = self.take_due(context);
        let retry = pending.retry.as_mut();
        let again = retry.is_some_and(|timer| fired(timer, context));
        if due | again | pending.take_news(&self.outside, context) {
            pending.news = self.round();
        }
        if self.end.stopped.get() {
            return Poll::Ready(());
        }
        if pending.take_news(&self.outside, context) {
            pending.news = true;
            context.waker().wake_by_ref();
        }
        let leftovers = self.outside.borrow().has_leftovers();
        pending.retry = leftovers.then(|| Timer::new(RETRY_AFTER));
        if let Some(timer) = &mut pending.retry {
            // Only so that it knows whom to wake.
            let _ = fired(timer, context);
        }
        Poll::Pending
    }

    /// One round; true where there is more news than it took.
    fn round(self: &Rc<Self>) -> bool {
        self.expire_clock();
        let more = self.receive();
        let now = self.now();
        let mut effects = self.effects.borrow_mut();
        self.with_engine(|engine| engine.flush(now, &mut effects));
        let answers = self.send(&mut effects);
        self.update_connections(effects.connections.drain(..));
        self.count_broadcasts(effects.broadcasts.drain(..));
        effects.notices.drain(..).for_each(report);
        drop(effects);
        answers.into_iter().for_each(|answer| self.step(answer));
        self.update_stall();
        self.report_drained();
        self.expire_clock();
        more
    }

    /// Counts what it took to bring events to connections, on a clock that stands still no more.
    fn count_broadcasts(&self, applied: impl ExactSizeIterator<Item = u64>) {
        if applied.len() > 0 {
            self.expire_clock();
            let now = self.now().micros;
            self.with_engine(|engine| engine.stats_mut().count_broadcasts(applied, now));
        }
    }

    fn receive(self: &Rc<Self>) -> bool {
        let mut controls = Vec::new();
        let more = self.outside.borrow_mut().receive(|news| match news {
            News::Input(input) => self.step(input),
            News::Socket(moved) => self.arrive(Socket::adopt(moved.fd), moved.state),
            News::Control(control) => controls.push(control),
        });
        controls.into_iter().for_each(|control| self.obey(control));
        more
    }

    fn obey(&self, control: Control) {
        match control {
            Control::Drain => {
                self.end.draining.set(true);
                self.end.acceptors.take();
                self.step(Input::Drain);
            }
            Control::Stop => self.end.stopped.set(true),
        }
    }

    /// Sends what was gathered for other threads; returns answers that are known at once.
    fn send(&self, effects: &mut Effects) -> Vec<Input<'static>> {
        let mut answers = Vec::new();
        self.outside
            .borrow_mut()
            .send(effects, |answer| answers.push(answer));
        answers.extend(effects.renders.drain(..).map(|render| Input::Rendered {
            ticket: render.ticket,
            body: metrics::render(&render.stats),
        }));
        answers
    }

    /// Stops the reading of sockets while other threads have no room for more.
    fn update_stall(&self) {
        let (stalled, depth) = {
            let outside = self.outside.borrow();
            (outside.is_stalled(), outside.mesh.depth() as u64)
        };
        let begins = self.set_stalled(stalled);
        self.with_engine(|engine| {
            let stats = engine.stats_mut();
            stats.mesh_depth = depth;
            stats.mesh_stalls += u64::from(begins);
        });
    }
}

impl Pending {
    fn take_news(&mut self, outside: &RefCell<Outside>, context: &Context<'_>) -> bool {
        outside.borrow_mut().has_news(context) | std::mem::take(&mut self.news)
    }
}

fn fired(timer: &mut Timer, context: &mut Context<'_>) -> bool {
    Pin::new(timer).poll(context).is_ready()
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
    }
}
