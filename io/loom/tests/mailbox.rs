//! An owner never sleeps while there is something in its rings. loom reports a thread that nobody wakes as a
//! deadlock, and shows how it came about with `LOOM_LOG=trace`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use loom::model::Builder;
use loom::thread;
use rookery_loom::mailbox::{Mailbox, Receiver};

/// Waiting doesn't time out in loom.
const FOREVER: Duration = Duration::from_secs(3_600);

/// How often threads may be interrupted where they could go on. Every interleaving within this bound is
/// tried; with 4 it takes six times as long, and without a bound too long to wait for.
const PREEMPTIONS_MAX: usize = 3;

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS_MAX);
    builder.check(model);
}

/// Waits and drains until everything has come, in the order in which it was sent. The caller keeps a clone of
/// each sender, so that none is the last to go, which would be news as well.
fn receive_all<const RINGS: usize>(
    mailbox: &mut Mailbox,
    mut receivers: [Receiver<u32>; RINGS],
    each: u32,
) {
    let mut received = [0; RINGS];
    while received != [each; RINGS] {
        assert!(mailbox.wait(FOREVER));
        for (receiver, received) in receivers.iter_mut().zip(&mut received) {
            while let Some(item) = receiver.pop() {
                assert_eq!(item, *received);
                *received += 1;
            }
        }
    }
}

#[test]
fn one_sender_wakes_its_owner_for_each_item() {
    check(|| {
        let mut mailbox = Mailbox::new();
        let (sender, receiver) = mailbox.channel(2);
        let _open = sender.clone();
        thread::spawn(move || {
            sender.try_send(0).unwrap();
            sender.try_send(1).unwrap();
        });
        receive_all(&mut mailbox, [receiver], 2);
    });
}

#[test]
fn two_senders_that_share_a_flag_leave_nothing_behind() {
    check(|| {
        let mut mailbox = Mailbox::new();
        let [(sender, receiver), (other, of_other)] = [0, 1].map(|_| mailbox.channel(1));
        let _open = (sender.clone(), other.clone());
        for sender in [sender, other] {
            thread::spawn(move || sender.try_send(0).unwrap());
        }
        receive_all(&mut mailbox, [receiver, of_other], 1);
    });
}

#[test]
fn a_sender_that_waits_for_room_wakes_the_owner_that_makes_it() {
    check(|| {
        let mut mailbox = Mailbox::new();
        let (sender, receiver) = mailbox.channel(1);
        let _open = sender.clone();
        thread::spawn(move || sender.send_all([0, 1]));
        receive_all(&mut mailbox, [receiver], 2);
    });
}

#[test]
fn a_task_that_registers_while_something_is_sent_is_ready_or_woken() {
    check(|| {
        let mut mailbox = Mailbox::new();
        let (sender, mut receiver) = mailbox.channel(1);
        let sending = thread::spawn(move || sender.try_send(0).unwrap());
        let task = Arc::new(Task::default());
        let waker = Waker::from(Arc::clone(&task));
        let ready = mailbox.poll_news(&Context::from_waker(&waker)).is_ready();
        if ready {
            assert_eq!(receiver.pop(), Some(0));
        }
        sending.join().unwrap();
        assert!(ready || task.woken.load(Ordering::Relaxed));
    });
}

/// A shard, which sleeps elsewhere than in its mailbox, and may be awake for another reason.
#[test]
fn an_owner_that_was_awake_is_woken_for_what_comes_behind_its_look() {
    check(|| {
        let mut mailbox = Mailbox::new();
        let (sender, mut receiver) = mailbox.channel(2);
        let _open = sender.clone();
        thread::spawn(move || {
            sender.try_send(0).unwrap();
            sender.try_send(1).unwrap();
        });
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut received = 0;
        while received < 2 {
            if mailbox.poll_news(&Context::from_waker(&waker)).is_pending() {
                thread::park();
            }
            mailbox.awake();
            while let Some(item) = receiver.pop() {
                assert_eq!(item, received);
                received += 1;
            }
        }
    });
}

#[test]
fn an_owner_learns_that_the_last_sender_is_gone_and_has_all_that_was_sent() {
    check(|| {
        let mut mailbox = Mailbox::new();
        let (sender, mut receiver) = mailbox.channel(1);
        let other = sender.clone();
        thread::spawn(move || drop(other));
        thread::spawn(move || sender.try_send(0).unwrap());
        let mut received = None;
        while !receiver.is_closed() {
            assert!(mailbox.wait(FOREVER));
            received = received.or(receiver.pop());
        }
        assert_eq!(received.or(receiver.pop()), Some(0));
    });
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A task that is run by nobody, and notes that it should be.
#[derive(Default)]
struct Task {
    woken: AtomicBool,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
    }
}
