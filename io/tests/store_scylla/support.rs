//! A server, a keyspace of the test's own, and shards with their stores.

use rookery_engine::port::{StoreEvent, StoreRequest};
use rookery_io::config::Credentials;
use rookery_io::startup::Startup;
use rookery_io::store::scylla::{ScyllaError, ScyllaStore, Settings, spawn_lane};
use rookery_schema::event::EventKind;
use rookery_schema::row::{ChatRow, EventRow, Head, Row};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, ShardId, Timestamp, cql};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use uuid::Uuid;

pub(super) use super::store_shard::{
    CHAT, NEWEST, PATIENCE, Shard, amendment, message_record, seqs,
};

pub(super) const LOG: Uuid = Uuid::from_u128(7);

const SERVER_VARIABLE: &str = "ROOKERY_TEST_SCYLLA";
/// Names the file with the credentials of a user who may do everything, where the server wants a login.
const CREDENTIALS_VARIABLE: &str = "ROOKERY_TEST_SCYLLA_CREDENTIALS";

/// A keyspace that is removed with this.
pub(super) struct Keyspace {
    /// As the store finds the server.
    pub(super) settings: Settings,
    /// As it is, without anything in between.
    pub(super) node: String,
}

/// An empty keyspace of a test, or nothing where there is no server to test with.
#[allow(clippy::print_stdout, reason = "whoever runs the tests should see it")]
pub(super) fn keyspace(test: &str) -> Option<Keyspace> {
    let Ok(node) = std::env::var(SERVER_VARIABLE) else {
        println!("SKIPPED: {SERVER_VARIABLE} names no server");
        return None;
    };
    let settings = Settings {
        nodes: vec![node.clone()],
        credentials: credentials(),
        keyspace: format!("Test_{test}_{}", std::process::id()),
    };
    let keyspace = Keyspace { settings, node };
    keyspace.drop_tables();
    Some(keyspace)
}

fn credentials() -> Option<Credentials> {
    let path = std::env::var_os(CREDENTIALS_VARIABLE)?;
    Some(Credentials::read(path.as_ref()).unwrap())
}

impl Keyspace {
    pub(super) fn connect(&self) -> Result<ScyllaStore, ScyllaError> {
        self.connect_for(LOG)
    }

    pub(super) fn connect_for(&self, log_id: Uuid) -> Result<ScyllaStore, ScyllaError> {
        ScyllaStore::connect(&self.settings, log_id, &Startup::default())
    }

    pub(super) fn open(&self) -> ScyllaStore {
        self.connect().unwrap()
    }

    /// Runs statements behind the store's back.
    pub(super) fn run(&self, statements: &[&str]) {
        with_session(self, async |session| {
            for statement in statements {
                let keyspace = cql::quoted(&self.settings.keyspace);
                let statement = statement.replace("KEYSPACE_NAME", &keyspace);
                session.query_unpaged(statement, ()).await.unwrap();
            }
        });
    }

    /// What the keyspace says of itself.
    pub(super) fn schema_version(&self) -> String {
        let text = "SELECT value FROM KEYSPACE_NAME.meta WHERE key = 'schema_version'";
        let found = self.select(text);
        assert_eq!(found.len(), 1);
        found.concat()
    }

    /// Asks for one text a row, behind the store's back.
    pub(super) fn select(&self, statement: &str) -> Vec<String> {
        let keyspace = cql::quoted(&self.settings.keyspace);
        let statement = statement.replace("KEYSPACE_NAME", &keyspace);
        let mut found = Vec::new();
        with_session(self, async |session| {
            let rows = session.query_unpaged(statement, ()).await.unwrap();
            let rows = rows.into_rows_result().unwrap();
            let texts = rows.rows::<(String,)>().unwrap();
            found.extend(texts.map(|row| row.unwrap().0));
        });
        found
    }

    fn drop_tables(&self) {
        self.run(&["DROP KEYSPACE IF EXISTS KEYSPACE_NAME"]);
    }
}

impl Drop for Keyspace {
    fn drop(&mut self) {
        self.drop_tables();
    }
}

fn with_session(keyspace: &Keyspace, act: impl AsyncFnOnce(Session)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut builder = SessionBuilder::new().known_node(&keyspace.node);
        if let Some(credentials) = &keyspace.settings.credentials {
            builder = builder.user(&credentials.user, credentials.expose());
        }
        act(builder.build().await.unwrap()).await;
    });
}

/// A shard with its store lane.
pub(super) fn start(store: &ScyllaStore, shard: u16) -> Shard {
    Shard::new(|mailbox, shutdown| {
        spawn_lane(store, ShardId(shard), None, mailbox, shutdown).unwrap()
    })
}

pub(super) fn sync(shard: &mut Shard) {
    let wanted = shard.submit(|token| StoreRequest::Sync { token });
    match shard.next() {
        StoreEvent::Synced { token } => assert_eq!(token, wanted),
        other => panic!("not what was asked: {other:?}"),
    }
}

/// The event with this seq of a chat that has nothing but messages.
pub(super) fn message_in(chat_id: ChatId, seq: u64, bytes: usize) -> Row {
    Row::Event(EventRow {
        chat_id,
        head: Head {
            seq: Seq(seq),
            messages: seq,
            partition: PartitionId(3),
            offset: Offset(seq + 10),
        },
        record: message_record(chat_id, seq, &"x".repeat(bytes)).into(),
        kind: EventKind::Message,
    })
}

pub(super) fn message(seq: u64, bytes: usize) -> Row {
    message_in(CHAT, seq, bytes)
}

pub(super) fn chat(chat_id: ChatId) -> Row {
    Row::Chat(ChatRow {
        chat_id,
        name: "a chat".to_owned(),
        created_at: Timestamp::from_millis(1_700_000_000_000),
    })
}

pub(super) fn reached(partition: u32, behind: u64) -> Row {
    Row::Reached {
        partition: PartitionId(partition),
        behind: Offset(behind),
    }
}
