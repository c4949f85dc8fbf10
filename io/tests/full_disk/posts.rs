//! On a full file system posts are refused, reads go on, and all is well when there is room again.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::support::api::{Api, posted};
use crate::support::disk::{SmallDisk, with_small_disk};
use crate::support::http::Response;
use crate::support::{Options, PATIENCE, any_user, eventually};

/// Room for the server's files, and little more.
const DISK_MIB: u64 = 96;
/// Posts that may succeed on a full disk, in what was allocated before: 4 MB of them.
const LAST_POSTS_MAX: usize = 1000;

/// What was acknowledged: client id to message id.
type Acknowledged = HashMap<String, String>;

/// Posts one large message.
fn post(api: &mut Api, chat: &str, id: &str, acknowledged: &mut Acknowledged) -> Response {
    let content = format!("{id} {}", "x".repeat(4000));
    let began = Instant::now();
    let reply = api.call(api.message(chat, &content, Some(id)));
    assert!(began.elapsed() < PATIENCE, "an answer comes either way");
    match reply.status {
        200 => {
            let ack = posted(&reply).message_id;
            let before = acknowledged.insert(id.to_owned(), ack.clone());
            assert!(before.is_none_or(|before| before == ack), "{id}");
        }
        503 => {
            reply.expect_problem(503, "unavailable");
            reply.retry_after();
        }
        _ => panic!("{reply:?}"),
    }
    reply
}

#[test]
fn a_full_disk_refuses_posts_and_recovers() {
    with_small_disk(DISK_MIB, |disk| {
        refuses_and_recovers(disk, &disk.path().join("data"))
    });
}

fn refuses_and_recovers(disk: &SmallDisk, data: &Path) {
    let options = Options::embedded(data).flag("--auth", "trust").shards(2);
    let mut server = options.start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let mut acknowledged = Acknowledged::new();
    for n in 0..50 {
        let reply = post(&mut alice, &chat, &format!("before-{n}"), &mut acknowledged);
        assert_eq!(reply.status, 200);
    }

    let refused = (0..LAST_POSTS_MAX).any(|n| {
        disk.fill(0);
        post(&mut alice, &chat, &format!("last-{n}"), &mut acknowledged).status == 503
    });
    assert!(refused, "a full disk takes no more messages");
    for n in 0..5 {
        post(&mut alice, &chat, &format!("full-{n}"), &mut acknowledged);
        assert_found(&alice.history(&chat), &acknowledged);
        server.assert_lives();
    }

    disk.free();
    eventually("posts are taken again, without a restart", || {
        let reply = post(&mut alice, &chat, "again", &mut acknowledged);
        (reply.status == 200).then_some(())
    });
    for n in 0..50 {
        // Refused once more is allowed while what was held back is written.
        let id = format!("after-{n}");
        eventually("posts go on", || {
            let reply = post(&mut alice, &chat, &id, &mut acknowledged);
            (reply.status == 200).then_some(())
        });
    }
    eventually("nothing lags", || {
        (server.metrics().sum("consumer_lag") == 0.0).then_some(())
    });
    assert_found(&alice.history(&chat), &acknowledged);

    server.kill();
    let mut server = options.start();
    let mut alice = Api::trusted(server.addr, &alice.user_id);
    assert_found(&alice.history(&chat), &acknowledged);
    server.terminate();
    assert!(server.wait().success());
}

/// Every acknowledged message is there once; what got no yes may be there once, too.
fn assert_found(history: &[Value], acknowledged: &Acknowledged) {
    let mut found: HashMap<&str, &str> = HashMap::new();
    for (index, message) in history.iter().rev().enumerate() {
        assert_eq!(message["seq"], index + 2, "seqs are dense");
        let client_id = message["client_id"].as_str().unwrap();
        let message_id = message["message_id"].as_str().unwrap();
        assert_eq!(
            found.insert(client_id, message_id),
            None,
            "{client_id} twice"
        );
    }
    for (client_id, message_id) in acknowledged {
        let shown = found.get(client_id.as_str());
        assert_eq!(shown, Some(&message_id.as_str()), "{client_id} is lost");
    }
}

/// A disk that is full already when the server starts: a clear refusal or a start, but no panic.
#[test]
fn a_start_on_a_full_disk_says_what_is_wrong() {
    with_small_disk(DISK_MIB, |disk| {
        let data = disk.path().join("data");
        disk.fill(0);
        let mut server = Options::embedded(&data)
            .flag("--auth", "trust")
            .shards(2)
            .spawn();
        let ended = server.wait_ready().err();
        let log = server.log();
        assert!(!log.contains("panicked"), "{log}");
        if let Some(status) = ended {
            assert!(!status.success());
            assert!(log.contains(&*data.to_string_lossy()), "{log}");
        }
    });
}

/// As is a limit of file sizes that is too low, whose signal would end a process without a word.
#[test]
fn a_start_below_the_limit_of_file_sizes_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let ended = Command::new("sh")
        .args(["-c", r#"ulimit -f 64 && exec "$0" "$@""#])
        .arg(env!("CARGO_BIN_EXE_rookery"))
        .args(["--listen", "127.0.0.1:0", "--shards", "2", "--data-dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{text}");
    assert!(text.contains("File too large"), "{text}");
    assert!(text.contains(&*dir.path().to_string_lossy()), "{text}");
}
