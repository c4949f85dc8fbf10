//! Data of older versions is opened, and shows what it showed; data of newer ones is refused with a text that
//! says what to do.
//!
//! What older versions wrote is in `fixtures/`, with a page that says how. Without `ROOKERY_TEST_SCYLLA`, the
//! keyspace is skipped.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use rookery_schema::format::{CONVERSATIONS, NEWEST, OLDEST, PASSWORDS};
use rookery_testing::dice::Dice;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use serde_json::{Value, json};
use support::api::Api;
use support::engines::{store, store_credentials, store_flags};
use support::http::{Http, Request};
use support::operator::{TOKEN, token_file};
use support::{Options, Server, eventually};
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
/// What 51096bc wrote.
const FIRST: &str = "51096bc";

/// What an operator sets.
const NEW_PASSWORD: &str = "set by an operator";

/// What an archive holds, unpacked.
struct Fixture {
    root: TempDir,
    expected: Value,
}

impl Fixture {
    fn unpack(name: &str) -> Self {
        Self::unpack_of(FIRST, name)
    }

    fn unpack_of(version: &str, name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let archive = Path::new(FIXTURES).join(version).join(name);
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(archive).arg("-C").arg(root.path());
        assert!(tar.status().unwrap().success());
        let expected = fs::read(root.path().join("expected.json")).unwrap();
        let expected = serde_json::from_slice(&expected).unwrap();
        Self { root, expected }
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn options(&self) -> Options {
        Options::embedded(&self.data()).shards(2)
    }

    /// Asserts that a server shows what was shown before, to every user.
    fn assert_shown(&self, server: &Server) {
        let users = self.expected["users"].as_array().unwrap();
        assert_eq!(users.len(), 5);
        for user in users {
            let mut api = self.log_in(server, &user["me"]["username"]);
            assert_eq!(api.get("/me").expect(200), user["me"]);
            let mut inbox = api.get("/chats").expect(200);
            let chats = inbox.as_array_mut().unwrap();
            chats.sort_by_key(|chat| chat["chat_id"].as_str().unwrap().to_owned());
            let before = user["inbox"].as_array().unwrap();
            for (chat, before) in chats.iter_mut().zip(before) {
                // To 51096bc nobody had read anything; who posted lately has.
                let read = chat["read_seq"].as_u64() <= chat["last_seq"].as_u64();
                let unread = chat["unread"].as_u64() <= before["unread"].as_u64();
                assert!(read && unread, "{chat} {before}");
                chat["read_seq"] = json!(0);
                chat["unread"] = before["unread"].clone();
            }
            assert_eq!(inbox, user["inbox"]);
        }
        let chats = self.expected["chats"].as_object().unwrap();
        assert_eq!(chats.len(), 6);
        for (id, expected) in chats {
            let mut api = self.log_in(server, &expected["reader"]);
            let mut chat = api.get(&format!("/chats/{id}")).expect(200);
            // 51096bc did not show these.
            let fields = chat.as_object_mut().unwrap();
            let member_count = fields.remove("member_count");
            assert!(fields.remove("last_seq").is_some());
            let settings = ["description", "members_may_add", "history"];
            let settings = settings.map(|field| fields.remove(field).unwrap());
            assert_eq!(settings, [json!(""), json!(true), json!("all")]);
            // Its ids of chats do not tell who made them.
            let roles = fields.remove("roles").unwrap();
            let first = chat["members"][0].as_str().unwrap();
            assert_eq!(roles, json!({first: "admin"}));
            assert_eq!(chat, expected["chat"]);
            assert_eq!(
                member_count,
                Some(chat["members"].as_array().unwrap().len().into())
            );
            let messages = Value::Array(api.history(id));
            assert_eq!(messages, expected["messages"], "in chat {id}");
        }
    }

    /// Asserts that what is posted now is numbered behind what there was, and kept.
    fn assert_goes_on(&self, mut server: Server, options: &Options) {
        let (id, before) = self.expected["chats"]
            .as_object()
            .unwrap()
            .iter()
            .next()
            .unwrap();
        let mut api = self.log_in(&server, &before["reader"]);
        let last_seq = |api: &mut Api| {
            let inbox = api.get("/chats").expect(200);
            let chats = inbox.as_array().unwrap();
            let chat = chats.iter().find(|chat| chat["chat_id"] == **id).unwrap();
            chat["last_seq"].as_u64().unwrap()
        };
        let seq = last_seq(&mut api);
        api.say(id, "written by a newer version");
        server.kill();
        let server = options.start();
        let mut api = self.log_in(&server, &before["reader"]);
        let newest = &api.history(id)[0];
        assert_eq!(newest["content"], "written by a newer version");
        assert_eq!(newest["seq"], seq + 1);
        server.terminate();
    }

    /// Has an operator create a user, which older versions understand, and then set a user's password, which they
    /// don't; the password is kept. `before` is called in between, and `after` before anybody logs in.
    fn assert_takes_passwords(
        &self,
        options: &Options,
        before: impl FnOnce(),
        after: impl FnOnce(),
    ) {
        let token = token_file(self.root.path());
        let options = options.clone().with_admin();
        let options = options.flag("--operator-token-file", token.display());
        let operate = |server: &Server, method: &str, path: &str, body: &Value| {
            let request = Request::new(method, path).json(body);
            let request = request.header("authorization", &format!("Bearer {TOKEN}"));
            let mut operator = Http::connect(server.admin).unwrap();
            operator.call(&request).unwrap()
        };
        let mut server = options.start();
        let created = json!({"username": "created-by-an-operator", "password": NEW_PASSWORD});
        operate(&server, "POST", "/users", &created).expect(201);
        before();
        let user = &self.expected["users"][0]["me"];
        let path = format!("/users/{}/password", user["user_id"].as_str().unwrap());
        let new = json!({"password": NEW_PASSWORD});
        assert_eq!(operate(&server, "PUT", &path, &new).status, 204);
        server.kill();
        after();
        let mut server = options.start();
        let log_in = |password: &Value| {
            let mut api = Api::anonymous(server.addr);
            let credentials = json!({"username": user["username"], "password": password});
            api.post("/login", &credentials)
        };
        log_in(&self.expected["password"]).expect_problem(401, "wrong_credentials");
        log_in(&NEW_PASSWORD.into()).expect(200);
        server.terminate();
        server.wait();
    }

    fn log_in(&self, server: &Server, username: &Value) -> Api {
        let mut api = Api::anonymous(server.addr);
        let credentials = json!({"username": username, "password": self.expected["password"]});
        let session = api.post("/login", &credentials).expect(200);
        let token = session["token"].as_str().unwrap();
        api.identity = vec![("authorization".to_owned(), format!("Bearer {token}"))];
        api
    }
}

/// Opens an archive as it is, and with more written.
fn is_opened(name: &str) {
    let fixture = Fixture::unpack(name);
    let meta = fixture.data().join("log/meta.toml");
    let before = fs::read(&meta).unwrap();
    let options = fixture.options();
    let server = options.start();
    // Until somebody logs in, nothing is written that the older version does not know: it may have its data back.
    assert_eq!(fs::read(&meta).unwrap(), before);
    fixture.assert_shown(&server);
    fixture.assert_goes_on(server, &options);
    assert_eq!(formats(&fixture.data()), (CONVERSATIONS, CONVERSATIONS));
}

#[test]
fn a_drained_directory_is_opened_as_it_is() {
    is_opened("drained.tar.gz");
}

#[test]
fn a_directory_of_a_killed_server_is_opened_as_it_is() {
    is_opened("killed.tar.gz");
}

#[test]
fn a_password_that_an_operator_sets_raises_the_format_of_log_and_store() {
    let fixture = Fixture::unpack("drained.tar.gz");
    let meta = fixture.data().join("log/meta.toml");
    let log_format = || {
        let meta = fs::read_to_string(&meta).unwrap();
        let line = meta.lines().find(|line| line.starts_with("format = "));
        line.unwrap().to_owned()
    };
    let before = || assert_eq!(log_format(), format!("format = {OLDEST}"));
    // An older version looks here, and knows no such format.
    let after = || assert_eq!(formats(&fixture.data()), (PASSWORDS, PASSWORDS));
    fixture.assert_takes_passwords(&fixture.options(), before, after);
}

/// Names that are no keys, two of which have one, and passwords that are not as they are hashed now.
#[test]
fn users_from_before_keys_go_on_and_nobody_gets_their_names() {
    let fixture = Fixture::unpack_of("3eada0f", "names.tar.gz");
    let options = fixture.options();
    let users = fixture.expected["users"].as_array().unwrap();
    let named = |n: usize| users[n]["user"]["username"].as_str().unwrap();
    for formats_before in [OLDEST, CONVERSATIONS] {
        assert_eq!(formats(&fixture.data()), (formats_before, formats_before));
        let mut server = options.start();
        let log_in = |name: &str, n: usize| {
            let credentials = json!({"username": name, "password": users[n]["password"]});
            Api::anonymous(server.addr).post("/login", &credentials)
        };
        for (n, user) in users.iter().enumerate() {
            let session = log_in(named(n), n).expect(200);
            assert_eq!(session["user_id"], user["user"]["user_id"]);
        }
        // By the key, where it stands for one of them; of the two that have it, for who is called so.
        for (typed, n) in [("BOB", 2), ("ANN", 1), ("eve smith", 3), ("\u{c9}MILIE", 4)] {
            let session = log_in(typed, n).expect(200);
            assert_eq!(session["username"], users[n]["user"]["username"], "{typed}");
        }
        log_in("ANN", 0).expect_problem(401, "wrong_credentials");
        let mut api = Api::anonymous(server.addr);
        for taken in ["ann", "ANN", "bob", "\u{ff22}ob", "\u{e9}milie", "Zoe"] {
            let credentials = json!({"username": taken, "password": NEW_PASSWORD});
            let reply = api.post("/users", &credentials);
            reply.expect_problem(409, "username_taken");
        }
        let session = log_in("ann", 1).expect(200);
        let bearer = format!("Bearer {}", session["token"].as_str().unwrap());
        api.identity = vec![("authorization".to_owned(), bearer)];
        let found = api.get("/users?name=aNN").expect(200);
        assert_eq!(found, json!([users[0]["user"], users[1]["user"]]));
        for limit in 1..=7 {
            let found = api.pages(&format!("/users?prefix=&limit={limit}"));
            let found: Vec<&str> = found
                .iter()
                .map(|it| it["username"].as_str().unwrap())
                .collect();
            // In the order of their keys.
            let expected = [0, 1, 2, 3, 5, 4].map(named);
            assert_eq!(found, expected, "limit {limit}");
        }
        server.terminate();
        server.wait();
    }
    let mut server = options.start();
    let new = json!({"username": "Carl", "password": NEW_PASSWORD});
    let mut api = Api::anonymous(server.addr);
    assert_eq!(api.post("/users", &new).expect(201)["username"], "Carl");
    server.kill();
    let newest = (CONVERSATIONS, CONVERSATIONS);
    assert_eq!(formats(&fixture.data()), newest);
    let mut server = options.start();
    let other = json!({"username": "carl", "password": NEW_PASSWORD});
    assert_eq!(
        api_of(&server).post("/login", &other).expect(200)["username"],
        "Carl"
    );
    api_of(&server)
        .post("/users", &other)
        .expect_problem(409, "username_taken");
    server.terminate();
    server.wait();
}

fn api_of(server: &Server) -> Api {
    Api::anonymous(server.addr)
}

/// What log and store say of themselves.
fn formats(data: &Path) -> (u32, u32) {
    let log = fs::read_to_string(data.join("log/meta.toml")).unwrap();
    let log = log.lines().find_map(|line| line.strip_prefix("format = "));
    let (database, meta) = store_meta(data);
    let store = meta.get(b"format").unwrap().unwrap();
    let store = u32::from_be_bytes((*store).try_into().unwrap());
    drop((meta, database));
    (log.unwrap().parse().unwrap(), store)
}

/// The embedded store, and what it notes of itself.
fn store_meta(data: &Path) -> (fjall::Database, fjall::Keyspace) {
    let database = fjall::Database::builder(data.join("store")).open().unwrap();
    let meta = database
        .keyspace("meta", fjall::KeyspaceCreateOptions::default)
        .unwrap();
    (database, meta)
}

#[test]
fn a_keyspace_is_opened_as_it_is() {
    let Some(node) = store() else { return };
    let fixture = Fixture::unpack("scylla.tar.gz");
    let keyspace = format!("upgrade_{:016x}", Dice::from_entropy().next());
    let dump = fs::read_to_string(Path::new(FIXTURES).join(FIRST).join("scylla.cql")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let session = runtime.block_on(connect(&node));
    runtime.block_on(restore(&session, &keyspace, &dump));
    let version = || runtime.block_on(schema_version(&session, &keyspace));

    let flags = store_flags(&node, &keyspace);
    let flags = flags.chunks(2);
    let options = flags.fold(fixture.options(), |options, flag| {
        options.flag(&flag[0], &flag[1])
    });
    let mut server = options.start();
    // Until somebody logs in, nothing is written that the older version does not know: it may have its data back.
    server.terminate();
    server.wait();
    assert_eq!(version(), "1");
    let server = options.start();
    fixture.assert_shown(&server);
    fixture.assert_goes_on(server, &options);
    fixture.assert_takes_passwords(&options, || {}, || {});
    // An older version looks here, and knows no such format: a keyspace is raised to the newest at once.
    assert_eq!(version(), NEWEST.to_string());
    let drop = format!("DROP KEYSPACE {keyspace}");
    runtime.block_on(session.query_unpaged(drop, ())).unwrap();
}

async fn schema_version(session: &Session, keyspace: &str) -> String {
    let version = format!("SELECT value FROM {keyspace}.meta WHERE key = 'schema_version'");
    let version = session.query_unpaged(version, ()).await.unwrap();
    let version = version.into_rows_result().unwrap();
    version.single_row::<(String,)>().unwrap().0
}

async fn connect(node: &str) -> Session {
    let mut builder = SessionBuilder::new().known_node(node);
    if let Some((user, password)) = store_credentials() {
        builder = builder.user(user, password);
    }
    builder.build().await.unwrap()
}

async fn restore(session: &Session, keyspace: &str, dump: &str) {
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    let create = format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}");
    session.query_unpaged(create, ()).await.unwrap();
    for statement in dump.split_terminator(";\n") {
        let statement = statement.replace("KEYSPACE.", &format!("{keyspace}."));
        session.query_unpaged(statement, ()).await.unwrap();
    }
}

/// Asserts that a server does not start, and says why.
#[track_caller]
fn assert_refused(options: &Options, reasons: &[&str]) {
    let mut server = options.spawn();
    let status = server.wait();
    assert_eq!(status.code(), Some(1), "{}", server.log());
    let log = server.log();
    for reason in reasons {
        assert!(log.contains(reason), "{reason:?} is not in {log}");
    }
}

#[test]
fn a_log_of_a_newer_version_is_refused_and_left_as_it_is() {
    let fixture = Fixture::unpack("drained.tar.gz");
    let meta = fixture.data().join("log/meta.toml");
    let newer = fs::read_to_string(&meta).unwrap();
    let newer = newer.replace("format = 2", "format = 99");
    fs::write(&meta, &newer).unwrap();
    let reasons = [
        "has format 99",
        "start the version that wrote it, or a newer one",
    ];
    assert_refused(&fixture.options(), &reasons);
    assert_eq!(fs::read_to_string(&meta).unwrap(), newer);
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let fixture = Fixture::unpack("drained.tar.gz");
    let meta = fs::read_to_string(fixture.data().join("log/meta.toml")).unwrap();
    let log_id = meta
        .split("log_id = \"")
        .nth(1)
        .unwrap()
        .trim_end()
        .trim_end_matches('"');
    let log_id: uuid::Uuid = log_id.parse().unwrap();
    let (database, meta) = store_meta(&fixture.data());
    let mut batch = database.batch();
    batch.insert(&meta, b"log_id", log_id.as_bytes());
    batch.insert(&meta, b"format", 99_u32.to_be_bytes());
    batch.commit().unwrap();
    drop((meta, database));
    let reasons = [
        "has format 99",
        "start the version that wrote it, or a newer one",
    ];
    assert_refused(&fixture.options(), &reasons);
}

/// Kafka has no place for a version: another client may have written what only a newer one can apply.
#[test]
fn a_record_of_a_newer_version_in_the_topic_ends_the_server_and_keeps_it_from_starting() {
    use rdkafka::ClientConfig;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

    let Some(brokers) = support::engines::broker() else {
        return;
    };
    let topic = format!("upgrade-{}", Dice::from_entropy().uuid());
    let dir = tempfile::tempdir().unwrap();
    let options = Options::embedded(dir.path())
        .flag("--auth", "trust")
        .flag("--log", "redpanda")
        .flag("--brokers", &brokers)
        .flag("--topic", &topic)
        .flag("--group", &topic)
        .shards(1);
    let mut server = options.start();
    let mut alice = Api::trusted(server.addr, &support::any_user());
    let chat = alice.create_chat("room", &[]);
    alice.say(&chat, "before");
    eventually("nothing lags", || {
        (server.metrics().sum("consumer_lag") == 0.0).then_some(())
    });
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &brokers);
    let client: BaseProducer = config.create().unwrap();
    let newer = BaseRecord::<(), [u8]>::to(&topic)
        .partition(0)
        .payload(&[30, 1, 2]);
    client.send(newer).map_err(|(error, _)| error).unwrap();
    client.flush(support::PATIENCE).unwrap();
    let reasons = [
        "a record of kind 30 at offset 3",
        "start the version that wrote it, or a newer one",
    ];
    assert_eq!(server.wait().code(), Some(1), "{}", server.log());
    for reason in reasons {
        assert!(server.log().contains(reason), "{}", server.log());
    }
    assert_refused(&options, &reasons);
}
