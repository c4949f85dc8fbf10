//! What the path of a message is made of, each part by itself; see `bench/README.md`.

#![forbid(unsafe_code)]

mod sample;
mod world;

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rookery_engine::http::{Progress, RequestReader};
use rookery_engine::ids::ConnId;
use rookery_engine::mesh::{Asker, ChatCommand, Command, EventBatch, Post, ShardMessage, Waiting};
use rookery_engine::ws::write_text_frame;
use rookery_io::mailbox::Mailbox;
use rookery_io::mesh::{self, Parcel};
use rookery_schema::event::Event;
use rookery_schema::record::Record;
use rookery_schema::{Seq, ShardId};

use sample::{CHAT, CONTENT, MESSAGE, SENDER};
use world::{World, batch};

/// Messages that are handled together, as under load.
const BATCH: u32 = 100;
/// Listeners of one chat, up to as many as it may have members.
const AUDIENCES: [u32; 3] = [10, 1_000, 100_000];

fn record(c: &mut Criterion) {
    let record = Record::MessagePosted(MESSAGE);
    let mut bytes = Vec::new();
    c.bench_function("record/encode", |b| {
        b.iter(|| {
            bytes.clear();
            black_box(&record).encode(&mut bytes);
        });
    });
    c.bench_function("record/decode", |b| {
        b.iter(|| Record::decode(black_box(&bytes)).is_ok());
    });
}

fn event(c: &mut Criterion) {
    let mut json = Vec::new();
    c.bench_function("event/encode", |b| {
        b.iter(|| {
            json.clear();
            black_box(Event::Message(MESSAGE)).encode(Seq(123_456), &mut json);
        });
    });
}

fn frame(c: &mut Criterion) {
    let json = event_json();
    let mut frame = Vec::new();
    c.bench_function("frame/build", |b| {
        b.iter(|| {
            frame.clear();
            write_text_frame(&mut frame, black_box(&json));
        });
    });
}

fn http(c: &mut Criterion) {
    let request = request();
    let mut reader = RequestReader::default();
    let mut input = BytesMut::new();
    c.bench_function("http/parse", |b| {
        b.iter(|| {
            input.extend_from_slice(black_box(&request));
            let progress = reader.next(&mut input);
            assert!(matches!(progress, Progress::Request(_)), "it is whole");
            progress
        });
    });
}

/// All that one shard has to tell another in a round, into their ring and out of it: what it costs besides that two
/// cores have different caches, and that the other may have to be woken.
fn hop(c: &mut Criterion) {
    let mailboxes = [Mailbox::new(), Mailbox::new()];
    let mut ports = mesh::connect(&mailboxes);
    c.bench_function("mesh/hop", |b| {
        let hop = |messages| {
            ports[0].send(ShardId(1), messages);
            let mut arrived = None;
            ports[1].receive(|_, parcel| arrived = Some(parcel));
            assert!(matches!(&arrived, Some(Parcel::Messages(_))));
            arrived
        };
        b.iter_batched(asks, hop, BatchSize::SmallInput);
    });
}

/// Posts on as many connections: from the bytes of the requests to the append, and from its confirmation to the
/// bytes of the replies.
fn post(c: &mut Criterion) {
    let mut world = World::new(0);
    let connections: Vec<ConnId> = (0..BATCH).map(|_| world.accept()).collect();
    let request = request();
    let mut group = c.benchmark_group("post");
    group.throughput(Throughput::Elements(BATCH.into()));
    group.bench_function("request_to_append", |b| {
        b.iter_custom(|rounds| {
            sum(rounds, || {
                let spent = time(|| world.receive(&connections, &request));
                assert_eq!(world.settle(), BATCH, "each is answered");
                spent
            })
        });
    });
    group.bench_function("append_to_reply", |b| {
        b.iter_custom(|rounds| {
            sum(rounds, || {
                world.receive(&connections, &request);
                let append = world.take_append();
                let spent = time(|| world.confirm(&append));
                assert_eq!(world.settle(), BATCH, "each is answered");
                world.deliver(&append);
                world.settle();
                spent
            })
        });
    });
    group.finish();
}

/// Records from the log: to rows for the store, and to frames in the queues of who listens.
fn apply(c: &mut Criterion) {
    let batch = batch((0..BATCH).map(|_| Record::MessagePosted(MESSAGE)));
    let mut group = c.benchmark_group("apply");
    group.throughput(Throughput::Elements(BATCH.into()));
    for listeners in [0, AUDIENCES[0]] {
        let mut world = World::new(listeners);
        group.bench_function(BenchmarkId::new("listeners", listeners), |b| {
            b.iter_custom(|rounds| {
                sum(rounds, || {
                    let spent = time(|| world.deliver(&batch));
                    assert_eq!(world.settle(), listeners, "each is sent something");
                    spent
                })
            });
        });
    }
    group.finish();
}

/// One event: framed once, and into the queues of all who listen.
fn fan_out(c: &mut Criterion) {
    let events = EventBatch {
        chat_id: CHAT,
        from: ShardId(0),
        first: Seq(0),
        lines: [event_json().as_slice(), b"\n"].concat().into(),
        count: 1,
        accepted_at: MESSAGE.at,
        applied_micros: 0,
        leaver: None,
    };
    let mut group = c.benchmark_group("fan_out");
    // With many listeners, most of the time goes to emptying their queues, which is not measured.
    group.sample_size(20);
    group.measurement_time(Duration::from_secs(2));
    for listeners in AUDIENCES {
        let mut world = World::new(listeners);
        group.throughput(Throughput::Elements(listeners.into()));
        group.bench_function(BenchmarkId::from_parameter(listeners), |b| {
            b.iter_custom(|rounds| {
                sum(rounds, || {
                    let events = events.clone();
                    let spent = time(|| world.hear(events));
                    assert_eq!(world.settle(), listeners, "each is sent something");
                    spent
                })
            });
        });
    }
    group.finish();
}

fn event_json() -> Vec<u8> {
    let mut json = Vec::new();
    Event::Message(MESSAGE).encode(Seq(123_456), &mut json);
    json
}

/// A post, as a client sends it.
fn request() -> Vec<u8> {
    let body = format!(r#"{{"content":"{CONTENT}"}}"#);
    format!(
        "POST /chats/{CHAT}/messages HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nCookie: user_id={SENDER}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Posts, as a shard asks their owner for them.
fn asks() -> Vec<ShardMessage> {
    let ask = |slot| ShardMessage::Ask {
        asker: Asker {
            shard: ShardId(0),
            waiting: Waiting::Connection {
                conn: ConnId {
                    slot,
                    generation: 0,
                },
                ticket: 0,
            },
        },
        command: Command::Chat(
            CHAT,
            ChatCommand::Post(Post {
                sender_id: SENDER,
                content: CONTENT.into(),
                client_id: None,
            }),
        ),
    };
    (0..BATCH).map(ask).collect()
}

fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn sum(rounds: u64, round: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(round).take(rounds as usize).sum()
}

criterion_group!(
    hot_path, record, event, frame, http, hop, post, apply, fan_out
);
criterion_main!(hot_path);
