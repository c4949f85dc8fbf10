//! A proxy that makes a server look as if it had shards, as ScyllaDB does, and tells on which shard's
//! connection each request came. So how requests are routed can be seen with any server that speaks CQL.

use std::collections::{HashMap, HashSet};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};
use scylla::routing::partitioner::{Murmur3Partitioner, Partitioner, PartitionerHasher};
use scylla::routing::{Shard, ShardCount, Token};
use scylla_proxy::{
    Condition, Node, Proxy, Reaction, RequestFrame, RequestOpcode, RequestReaction, RequestRule,
    ResponseFrame, ResponseOpcode, ResponseReaction, ResponseRule, RunningProxy, ShardAwareness,
};
use tokio::runtime::Runtime;

pub(super) const SHARDS: ShardCount = ShardCount::new(4).unwrap();
/// What ScyllaDB has by default.
pub(super) const MSB_IGNORE: u8 = 12;

/// Connections that are told their shard, and whose requests are seen: more than a test makes.
const CONNECTIONS_MAX: usize = 256;
/// What is only for ScyllaDB, at the end of a query.
const EXTENSION: &str = " USING TIMEOUT ";
/// The kind of a result that answers PREPARE.
const PREPARED: i32 = 4;
/// The flag of an answer that begins with warnings.
const WARNINGS: u8 = 8;
/// The kind of a statement in a batch that is there by its id.
const BY_ID: u8 = 1;
/// The flag of an EXECUTE that has values.
const VALUES: u8 = 1;

/// See the module.
pub(super) struct ShardedServer {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    /// It ends with these.
    _proxy: RunningProxy,
    _runtime: Runtime,
}

/// What went through.
#[derive(Default)]
struct Seen {
    /// Of each prepared statement, which of its values are the partition key, in the key's order.
    keys: HashMap<Bytes, Vec<usize>>,
    requests: Vec<(Shard, RequestFrame)>,
}

/// One EXECUTE or BATCH.
#[derive(Debug)]
pub(super) struct Request {
    /// Whose connection it came on.
    pub(super) shard: Shard,
    /// Where its statements belong.
    pub(super) tokens: Vec<Token>,
}

impl ShardedServer {
    pub(super) fn in_front_of(node: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let seen = Arc::default();
        let address = free_address();
        let proxy = Proxy::new([Node::new(
            node.to_socket_addrs().unwrap().next().unwrap(),
            address,
            // Its own shards come from the server, which has none.
            ShardAwareness::Unaware,
            Some(request_rules(&seen)),
            Some(vec![prepared_rule(&seen)]),
        )]);
        Self {
            address,
            seen,
            _proxy: runtime.block_on(proxy.run()).unwrap(),
            _runtime: runtime,
        }
    }

    /// The shards on whose connections requests came since they were forgotten.
    pub(super) fn used_shards(&self) -> HashSet<Shard> {
        let seen = self.seen.lock().unwrap();
        seen.requests.iter().map(|(shard, _)| *shard).collect()
    }

    /// What came since it was called last.
    pub(super) fn take_requests(&self) -> Vec<Request> {
        let mut seen = self.seen.lock().unwrap();
        let frames = std::mem::take(&mut seen.requests);
        let request = |(shard, frame)| Request {
            shard,
            tokens: tokens(&seen.keys, frame),
        };
        frames.into_iter().map(request).collect()
    }
}

/// The proxy must know it beforehand. That another takes it meanwhile is unlikely, and would be seen.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Shards are given to connections in turn. There is no port that a client could choose one by, so it
/// makes connections until it has one for each.
fn request_rules(seen: &Arc<Mutex<Seen>>) -> Vec<RequestRule> {
    let of_connection = |n| {
        let shard = n as Shard % Shard::from(SHARDS.get());
        let on = |opcode| Condition::ConnectionSeqNo(n).and(Condition::RequestOpcode(opcode));
        let executes = on(RequestOpcode::Execute).or(on(RequestOpcode::Batch));
        // The driver asks for the schema on a connection of its own, whatever the shard.
        let is_ours = executes.and(Condition::not(Condition::ConnectionRegisteredAnyEvent));
        [
            RequestRule(on(RequestOpcode::Options), tell_shard(shard)),
            RequestRule(is_ours, note_request(seen, shard)),
        ]
    };
    let rules = (0..CONNECTIONS_MAX).flat_map(of_connection);
    rules.chain([extension_rule()]).collect()
}

/// A server that has shards is asked for its schema in ScyllaDB's own words.
fn extension_rule() -> RequestRule {
    let has_text = [RequestOpcode::Query, RequestOpcode::Prepare].map(Condition::RequestOpcode);
    let has_extension = Condition::BodyContainsCaseSensitive(EXTENSION.as_bytes().into());
    let remove = RequestReaction::transform_frame(Arc::new(|mut frame| {
        let mut body = frame.body.clone();
        let len = body.get_u32() as usize;
        let text = String::from_utf8(body.split_to(len).to_vec()).unwrap();
        let (kept, _timeout) = text.split_once(EXTENSION).unwrap();
        let len = u32::try_from(kept.len()).unwrap().to_be_bytes();
        frame.body = [&len, kept.as_bytes(), &*body].concat().into();
        frame
    }));
    RequestRule(Condition::any(has_text).and(has_extension), remove)
}

/// Answers in the server's place.
fn tell_shard(shard: Shard) -> RequestReaction {
    let options = [
        ("SCYLLA_SHARD", shard.to_string()),
        ("SCYLLA_NR_SHARDS", SHARDS.to_string()),
        ("SCYLLA_SHARDING_IGNORE_MSB", MSB_IGNORE.to_string()),
        (
            "SCYLLA_SHARDING_ALGORITHM",
            "biased-token-round-robin".to_owned(),
        ),
        (
            "SCYLLA_PARTITIONER",
            "org.apache.cassandra.dht.Murmur3Partitioner".to_owned(),
        ),
    ];
    let options = HashMap::from(options.map(|(name, value)| (name.to_owned(), vec![value])));
    RequestReaction::forge_response(Arc::new(move |request| {
        ResponseFrame::forged_supported(request.params, &options).unwrap()
    }))
}

fn note_request(seen: &Arc<Mutex<Seen>>, shard: Shard) -> RequestReaction {
    let seen = Arc::clone(seen);
    RequestReaction::transform_frame(Arc::new(move |frame| {
        let mut seen = seen.lock().unwrap();
        seen.requests.push((shard, frame.clone()));
        frame
    }))
}

fn prepared_rule(seen: &Arc<Mutex<Seen>>) -> ResponseRule {
    let seen = Arc::clone(seen);
    let note = ResponseReaction::transform_frame(Arc::new(move |frame| {
        if let Some((id, key)) = prepared(&frame) {
            seen.lock().unwrap().keys.insert(id, key);
        }
        frame
    }));
    ResponseRule(Condition::ResponseOpcode(ResponseOpcode::Result), note)
}

/// A statement's id, and which of its values are the partition key, where this is what is answered.
fn prepared(frame: &ResponseFrame) -> Option<(Bytes, Vec<usize>)> {
    let mut body = frame.body.clone();
    if frame.params.flags & WARNINGS != 0 {
        for _ in 0..body.get_u16() {
            short_bytes(&mut body);
        }
    }
    if body.get_i32() != PREPARED {
        return None;
    }
    let id = short_bytes(&mut body);
    let [_flags, _columns, key_len] = [(); 3].map(|()| body.get_i32());
    let key = (0..key_len).map(|_| body.get_u16().into()).collect();
    Some((id, key))
}

/// The tokens of a request's statements.
fn tokens(keys: &HashMap<Bytes, Vec<usize>>, frame: RequestFrame) -> Vec<Token> {
    let mut body = frame.body;
    let token = |id, values: Vec<Bytes>| {
        let key: Vec<_> = keys[&id].iter().map(|&place| &*values[place]).collect();
        token_of(&key)
    };
    if frame.opcode == RequestOpcode::Execute {
        let id = short_bytes(&mut body);
        let _consistency = body.get_u16();
        assert_ne!(body.get_u8() & VALUES, 0, "a statement without a key");
        return vec![token(id, values(&mut body))];
    }
    let _batch_type = body.get_u8();
    (0..body.get_u16())
        .map(|_| {
            assert_eq!(body.get_u8(), BY_ID, "a statement that is not prepared");
            let id = short_bytes(&mut body);
            token(id, values(&mut body))
        })
        .collect()
}

/// As servers compute it: a key of several columns has the length of each before it, and a 0 behind it.
fn token_of(key: &[&[u8]]) -> Token {
    let mut hasher = Murmur3Partitioner.build_hasher();
    match key {
        [] => panic!("a statement without a key"),
        [column] => hasher.write(column),
        columns => {
            for column in columns {
                let len = u16::try_from(column.len()).unwrap();
                hasher.write(&len.to_be_bytes());
                hasher.write(column);
                hasher.write(&[0]);
            }
        }
    }
    hasher.finish()
}

fn short_bytes(body: &mut Bytes) -> Bytes {
    let len = body.get_u16();
    body.split_to(len.into())
}

/// Those that are null or not set have a negative length; none of a key is.
fn values(body: &mut Bytes) -> Vec<Bytes> {
    (0..body.get_u16())
        .map(|_| {
            let len = body.get_i32();
            body.split_to(usize::try_from(len).unwrap_or(0))
        })
        .collect()
}
