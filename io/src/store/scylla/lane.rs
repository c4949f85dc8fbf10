//! The thread that writes and reads the store for one shard.
//!
//! Reads are under way beside writes and wait for none, so that they are answered, if only with a fault,
//! while the store is stuck. For that the ring is always emptied: how much waits to be written is bounded by
//! the shard, which takes no more changes than `--lag-limit` that are not stored.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, Stream as _};
use rookery_engine::port::{Read, Store, StoreEvent, StoreFault, StoreRequest, Token};
use rookery_schema::ShardId;
use tokio::time::Sleep;

use super::complaints::Complaints;
use super::connect::runtime;
use super::error::ScyllaError;
use super::failure::{DriverError, Kind};
use super::link::Link;
use super::queue::{Done, Job, Queue};
use super::store::ScyllaStore;
use crate::lane::{self, Lane, Requests};
use crate::mailbox::{Mailbox, Receiver, Sender};
use crate::store::backoff::Backoff;
use crate::vital::Shutdown;

/// Requests that may wait in the ring.
const REQUESTS_MAX: usize = 1024;
/// Events that may wait.
const EVENTS_MAX: usize = 1024;
/// Jobs under way: chats, mostly, that are written at a time.
const JOBS_IN_FLIGHT_MAX: usize = 64;
/// Reads under way.
const READS_IN_FLIGHT_MAX: usize = 64;
/// Reads that wait for others; with more, they fail at once.
const READS_WAITING_MAX: usize = 4096;
/// For a read to be answered, from when it was taken; then it fails.
const READ_DEADLINE: Duration = Duration::from_secs(2);
/// Between two notes of how far the store has come, where no sync waits for one.
const REACHED_INTERVAL: Duration = Duration::from_millis(200);
/// How long rows are still tried to be written when the shard is gone: less than the server waits for
/// its lanes.
const FINISH_MAX: Duration = Duration::from_secs(8);
/// How long the lane sleeps at a stretch where there is nothing to do.
const IDLE_SLEEP: Duration = Duration::from_secs(3600);

/// Starts a shard's store lane.
///
/// # Errors
/// Where no thread can be made.
pub fn spawn_lane(
    store: &ScyllaStore,
    shard: ShardId,
    cpu: Option<usize>,
    mailbox: &Mailbox,
    shutdown: &Shutdown,
) -> Result<(impl Store + 'static + use<>, Receiver<StoreEvent>, Lane), ScyllaError> {
    let (requests, ring) = lane::requests(REQUESTS_MAX);
    let (events, receiver) = mailbox.channel(EVENTS_MAX);
    let store = store.clone();
    let body = move || {
        let runtime = runtime()?;
        runtime.block_on(StoreLane::new(store, ring, events).run());
        Ok::<(), ScyllaError>(())
    };
    let lane = lane::spawn(&format!("store-{shard}"), cpu, shutdown, body);
    Ok((requests, receiver, lane.map_err(ScyllaError::Thread)?))
}

/// What was under way has ended.
enum Ended {
    Connected(Rc<Link>),
    Renewed,
    Written(Job),
    ReachedWritten,
    Read {
        event: StoreEvent,
        /// Whether it failed because no node has a connection.
        is_cut_off: bool,
    },
}

struct WaitingRead {
    token: Token,
    read: Read,
    since: Instant,
}

struct StoreLane {
    store: ScyllaStore,
    ring: Requests<StoreRequest>,
    events: Sender<StoreEvent>,
    /// Absent until the first session is there.
    link: Option<Rc<Link>>,
    complaints: Rc<Complaints>,
    under_way: FuturesUnordered<LocalBoxFuture<'static, Ended>>,
    queue: Queue,
    reads: VecDeque<WaitingRead>,
    reads_under_way: usize,
    reached_at: Instant,
    /// Since when the shard is gone.
    closed: Option<Instant>,
    /// To be sent with one wake-up.
    answers: Vec<StoreEvent>,
}

impl StoreLane {
    fn new(store: ScyllaStore, ring: Requests<StoreRequest>, events: Sender<StoreEvent>) -> Self {
        let complaints = Complaints::new(store.settings.nodes.join(","));
        Self {
            store,
            ring,
            events,
            link: None,
            complaints: Rc::new(complaints),
            under_way: FuturesUnordered::new(),
            queue: Queue::default(),
            reads: VecDeque::new(),
            reads_under_way: 0,
            reached_at: Instant::now(),
            closed: None,
            answers: Vec::new(),
        }
    }

    /// Serves requests until the shard is gone and everything is written, or can't be.
    async fn run(mut self) {
        self.connect();
        let mut requests = Vec::with_capacity(REQUESTS_MAX);
        let mut timer = Box::pin(tokio::time::sleep(IDLE_SLEEP));
        loop {
            let is_closed = self.ring.is_closed();
            let taken = self.ring.drain_into(&mut requests, REQUESTS_MAX);
            self.take(&mut requests);
            self.proceed();
            if !self.answers.is_empty() {
                // A shard that is gone needs no events: its ring of requests is closed as well then.
                let _ = self.events.send_all(self.answers.drain(..));
            }
            if is_closed && self.is_over(taken < REQUESTS_MAX) {
                return;
            }
            timer
                .as_mut()
                .reset((Instant::now() + self.idle_time()).into());
            // What is still in the ring brings no news.
            if taken < REQUESTS_MAX {
                self.wait(timer.as_mut()).await;
            }
        }
    }

    /// The shard is gone. Whether there is nothing left to write, or no time.
    fn is_over(&mut self, is_ring_empty: bool) -> bool {
        let since = *self.closed.get_or_insert_with(Instant::now);
        if is_ring_empty && self.queue.is_empty() {
            return true;
        }
        let is_late = since.elapsed() >= FINISH_MAX;
        if is_late {
            let writes = self.queue.len();
            tracing::warn!(
                writes,
                "not everything could be stored; the log still has it"
            );
        }
        is_late
    }

    /// Until something came or ended, the shard is gone, or it is time.
    async fn wait(&mut self, mut timer: Pin<&mut Sleep>) {
        let mut ended = poll_fn(|context| self.poll_wake(context, timer.as_mut())).await;
        // One wake-up is for all that has ended.
        while let Some(end) = ended {
            self.end(end);
            ended = poll_fn(|context| match self.poll_ended(context) {
                Poll::Ready(end) => Poll::Ready(Some(end)),
                Poll::Pending => Poll::Ready(None),
            })
            .await;
        }
    }

    fn poll_wake(
        &mut self,
        context: &mut Context<'_>,
        timer: Pin<&mut Sleep>,
    ) -> Poll<Option<Ended>> {
        if let Poll::Ready(ended) = self.poll_ended(context) {
            return Poll::Ready(Some(ended));
        }
        if self.ring.poll_news(context).is_ready() {
            return Poll::Ready(None);
        }
        timer.poll(context).map(|()| None)
    }

    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        match Pin::new(&mut self.under_way).poll_next(context) {
            Poll::Ready(Some(ended)) => Poll::Ready(ended),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn take(&mut self, requests: &mut Vec<StoreRequest>) {
        let now = Instant::now();
        for request in requests.drain(..) {
            match request {
                StoreRequest::Write { token, rows } => {
                    let done = self.queue.write(token, rows, now);
                    self.answers.extend(done.map(answer));
                }
                StoreRequest::Sync { token } => self.queue.sync(token),
                StoreRequest::Read { token, .. } if self.reads.len() >= READS_WAITING_MAX => {
                    self.complaints
                        .about("too many reads wait for the store", &READS_WAITING_MAX);
                    self.answers.push(fault(token));
                }
                StoreRequest::Read { token, read } => self.reads.push_back(WaitingRead {
                    token,
                    read,
                    since: now,
                }),
            }
        }
    }

    fn end(&mut self, ended: Ended) {
        match ended {
            Ended::Connected(link) => self.link = Some(link),
            Ended::Renewed => {}
            Ended::Written(job) => {
                let mut done = Vec::new();
                self.queue.finish(&job, &mut done);
                self.answers.extend(done.into_iter().map(answer));
            }
            Ended::ReachedWritten => self.queue.reached_stored(),
            Ended::Read { event, is_cut_off } => {
                self.reads_under_way -= 1;
                self.answers.push(event);
                if let (true, Some(link)) = (is_cut_off, self.link.clone()) {
                    self.start(async move {
                        link.renew().await;
                        Ended::Renewed
                    });
                }
            }
        }
    }

    /// Starts what can be started, and answers what can be answered.
    fn proceed(&mut self) {
        if let Some(link) = self.link.clone() {
            self.start_reads(&link);
            self.start_jobs(&link);
            self.start_reached(&link);
        }
        while let Some(read) = self
            .reads
            .pop_front_if(|read| read.since.elapsed() >= READ_DEADLINE)
        {
            self.complaints
                .about("the store could not be read", &"no answer in time");
            self.answers.push(fault(read.token));
        }
        while let Some(done) = self.queue.next_synced() {
            self.answers.push(answer(done));
        }
    }

    fn start_reads(&mut self, link: &Rc<Link>) {
        while self.reads_under_way < READS_IN_FLIGHT_MAX
            && let Some(waiting) = self.reads.pop_front()
        {
            self.reads_under_way += 1;
            let (link, complaints) = (Rc::clone(link), Rc::clone(&self.complaints));
            self.start(async move { read(&link, waiting, &complaints).await });
        }
    }

    fn start_jobs(&mut self, link: &Rc<Link>) {
        while self.queue.under_way() < JOBS_IN_FLIGHT_MAX
            && let Some(job) = self.queue.next_job(Instant::now())
        {
            let (link, complaints) = (Rc::clone(link), Rc::clone(&self.complaints));
            self.start(async move {
                link.write_job(&job.rows, &complaints).await;
                Ended::Written(job)
            });
        }
    }

    fn start_reached(&mut self, link: &Rc<Link>) {
        let is_due = self.closed.is_some() || self.reached_at.elapsed() >= REACHED_INTERVAL;
        if !(is_due || self.queue.is_reached_wanted()) {
            return;
        }
        let reached = self.queue.take_reached();
        if reached.is_empty() {
            return;
        }
        self.reached_at = Instant::now();
        let (link, complaints) = (Rc::clone(link), Rc::clone(&self.complaints));
        self.start(async move {
            link.write_reached(&reached, &complaints).await;
            Ended::ReachedWritten
        });
    }

    fn connect(&self) {
        let (store, complaints) = (self.store.clone(), Rc::clone(&self.complaints));
        self.start(async move {
            let mut backoff = Backoff::default();
            loop {
                match store.connection().await {
                    Ok(connection) => {
                        return Ended::Connected(Rc::new(Link::new(store, connection)));
                    }
                    Err(error) => complaints.about("the store could not be reached", &error),
                }
                tokio::time::sleep(backoff.next()).await;
            }
        });
    }

    fn start(&self, work: impl Future<Output = Ended> + 'static) {
        self.under_way.push(Box::pin(work));
    }

    /// How long nothing has to be done unless something comes or ends.
    fn idle_time(&self) -> Duration {
        let mut idle = IDLE_SLEEP;
        if let Some(read) = self.reads.front() {
            idle = idle.min(READ_DEADLINE.saturating_sub(read.since.elapsed()));
        }
        if self.link.is_some() && self.queue.has_reached() {
            idle = idle.min(REACHED_INTERVAL.saturating_sub(self.reached_at.elapsed()));
        }
        if let Some(since) = self.closed {
            idle = idle.min(FINISH_MAX.saturating_sub(since.elapsed()));
        }
        idle
    }
}

async fn read(link: &Link, waiting: WaitingRead, complaints: &Complaints) -> Ended {
    let WaitingRead { token, read, since } = waiting;
    let left = READ_DEADLINE.saturating_sub(since.elapsed());
    let outcome = tokio::time::timeout(left, link.connection().read(&read)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(DriverError::new("no answer in time")));
    let is_cut_off = outcome
        .as_ref()
        .is_err_and(|error| error.kind == Kind::CutOff);
    let outcome = outcome.map_err(|error| {
        complaints.about("the store could not be read", &error);
        StoreFault
    });
    Ended::Read {
        event: StoreEvent::Read { token, outcome },
        is_cut_off,
    }
}

fn answer(done: Done) -> StoreEvent {
    match done {
        Done::Written { token, since } => StoreEvent::Written {
            token,
            micros: u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX),
        },
        Done::Synced { token } => StoreEvent::Synced { token },
    }
}

const fn fault(token: Token) -> StoreEvent {
    StoreEvent::Read {
        token,
        outcome: Err(StoreFault),
    }
}
