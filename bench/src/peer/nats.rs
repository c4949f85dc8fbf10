//! NATS JetStream: publishing with acknowledgements to a stream in files, and native subscribers. The hot
//! room's work, nothing else.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::error::BenchError;
use crate::load::codec::Endpoint;
use crate::load::nats::{CONNECT, NatsCodec, Op, Role};
use crate::peer::Peer;
use crate::setup::random_id;
use crate::world::{ID_BYTES, World};

/// How long the server may take to make a stream.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 16 * 1024;
/// Where answers to requests of the set-up come.
const INBOX: &str = "_INBOX.rookery-bench";

/// Where subscribers get messages from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Subscribers {
    /// A push consumer each: what is stored, numbered, as Rookery's listeners have it.
    Consumer,
    /// The subject itself: as it is published, stored or not, without numbers.
    Subject,
}

/// A NATS server with a stream for one run.
pub struct Nats {
    addr: SocketAddr,
    stream: String,
    senders: usize,
    listeners: usize,
    size: usize,
    subscribers: Subscribers,
}

impl Nats {
    /// Makes a stream, and a consumer for each listener.
    ///
    /// # Errors
    /// Where there is no JetStream.
    pub fn prepare(
        addr: SocketAddr,
        senders: usize,
        listeners: usize,
        size: usize,
        subscribers: Subscribers,
    ) -> Result<Self, BenchError> {
        let nats = Self {
            addr,
            stream: format!("bench-{}", random_id()?.simple()),
            senders,
            listeners,
            size,
            subscribers,
        };
        let mut client = Client::connect(addr).map_err(BenchError::Nats)?;
        nats.make_stream(&mut client).map_err(BenchError::Nats)?;
        Ok(nats)
    }

    fn make_stream(&self, client: &mut Client) -> io::Result<()> {
        let stream = &self.stream;
        let config = json!({
            "name": stream,
            "subjects": [self.subject()],
            "storage": "file",
            "retention": "limits",
            "num_replicas": 1,
        });
        client.request(&format!("STREAM.CREATE.{stream}"), &config)?;
        if self.subscribers == Subscribers::Subject {
            return Ok(());
        }
        for listener in 0..self.listeners {
            let name = format!("listener-{listener}");
            let config = json!({
                "stream_name": stream,
                "config": {
                    "durable_name": name,
                    "deliver_subject": self.deliver_subject(listener),
                    "deliver_policy": "new",
                    "ack_policy": "none",
                },
            });
            let path = format!("CONSUMER.DURABLE.CREATE.{stream}.{name}");
            client.request(&path, &config)?;
        }
        Ok(())
    }

    fn subject(&self) -> String {
        format!("{}.room", self.stream)
    }

    fn deliver_subject(&self, listener: usize) -> String {
        format!("{}-out.{listener}", self.stream)
    }

    fn publisher(&self, number: usize) -> Endpoint {
        let role = Role::Publish {
            subject: self.subject(),
            inbox: format!("_INBOX.{}.{number}", self.stream),
        };
        Endpoint::sender(Box::new(NatsCodec::new(role, self.size)))
    }

    fn subscriber(&self, number: usize) -> Endpoint {
        let subject = match self.subscribers {
            Subscribers::Consumer => self.deliver_subject(number),
            Subscribers::Subject => self.subject(),
        };
        Endpoint::listener(Box::new(NatsCodec::new(
            Role::Subscribe { subject },
            self.size,
        )))
    }
}

impl Peer for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn world(&self) -> Arc<World> {
        Arc::new(World::one_room([b'0'; ID_BYTES], ""))
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let subscribers = (0..self.listeners).map(|number| self.subscriber(number));
        let publishers = (0..self.senders).map(|number| self.publisher(number));
        subscribers.chain(publishers).collect()
    }

    /// Deletes the stream and what is in it.
    fn clean_up(&self) -> Result<(), BenchError> {
        let path = format!("STREAM.DELETE.{}", self.stream);
        Client::connect(self.addr)
            .and_then(|mut client| client.request(&path, &json!({})))
            .map_err(BenchError::Nats)
    }
}

/// A connection for requests, one at a time.
struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    fn connect(addr: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.write_all(CONNECT)?;
        stream.write_all(format!("SUB {INBOX} 1\r\n").as_bytes())?;
        Ok(Self {
            stream,
            input: Vec::new(),
        })
    }

    /// Asks the JetStream API.
    fn request(&mut self, path: &str, body: &Value) -> io::Result<()> {
        let body = body.to_string();
        let request = format!("PUB $JS.API.{path} {INBOX} {}\r\n{body}\r\n", body.len());
        self.stream.write_all(request.as_bytes())?;
        let answer: Value = serde_json::from_slice(&self.next_message()?)?;
        match answer.get("error") {
            Some(error) => Err(io::Error::other(format!("{path}: {error}"))),
            None => Ok(()),
        }
    }

    fn next_message(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = [0; READ_BYTES];
        loop {
            while let Some((op, bytes)) = Op::split(&self.input).map_err(io::Error::other)? {
                let payload = match op {
                    Op::Message { payload, .. } => Some(payload.to_vec()),
                    Op::Error(why) => return Err(io::Error::other(String::from_utf8_lossy(why))),
                    _ => None,
                };
                self.input.drain(..bytes);
                if let Some(payload) = payload {
                    return Ok(payload);
                }
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.input.extend_from_slice(&chunk[..count]),
            }
        }
    }
}
