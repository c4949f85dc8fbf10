//! A data directory that goes away under a running server: nothing is acknowledged that nobody finds again.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::api::Api;
use support::{Options, any_user, eventually};
use tempfile::TempDir;

/// Users who post at the same time, in chats of partitions of both shards.
const POSTERS: usize = 4;

/// How long messages may still be acknowledged where the files are elsewhere, and lose nothing.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);

/// How long a server may go on that has to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who posts until the server has ended.
struct Poster {
    user: String,
    chat: String,
    /// When each message that was acknowledged began, and its content.
    acknowledged: Vec<(Instant, String)>,
}

impl Poster {
    fn new(addr: SocketAddr) -> Self {
        let user = any_user();
        let chat = Api::trusted(addr, &user).create_chat("room", &[]);
        Self {
            user,
            chat,
            acknowledged: Vec::new(),
        }
    }

    fn post_until_the_end(&mut self, addr: SocketAddr, posted: &AtomicUsize) {
        let mut api = Api::trusted(addr, &self.user);
        let deadline = Instant::now() + PATIENCE;
        for number in 0.. {
            assert!(Instant::now() < deadline, "the server goes on");
            let (began, content) = (Instant::now(), number.to_string());
            match api.try_call(api.message(&self.chat, &content, None)) {
                Ok(reply) if reply.status == 200 => self.acknowledged.push((began, content)),
                Ok(_) => {}
                Err(_) => return,
            }
            posted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Those that began after this.
    fn acknowledged_after(&self, then: Instant) -> usize {
        let late = self.acknowledged.iter().filter(|(began, _)| *began > then);
        late.count()
    }
}

/// Takes the directory away from a server to which somebody posts all the time, and waits for its end. Gives when the
/// directory was away, and who posted.
#[track_caller]
fn take_away(options: &Options, data: &Path, away: impl FnOnce()) -> (Instant, Vec<Poster>) {
    let mut server = options.start();
    let (addr, posted) = (server.addr, &AtomicUsize::new(0));
    let mut posters: Vec<_> = (0..POSTERS).map(|_| Poster::new(addr)).collect();
    let gone = thread::scope(|scope| {
        for poster in &mut posters {
            scope.spawn(|| poster.post_until_the_end(addr, posted));
        }
        eventually("many are posted", || {
            (posted.load(Ordering::Relaxed) > 100).then_some(())
        });
        away();
        Instant::now()
    });
    assert_eq!(server.wait().code(), Some(1));
    let log = server.log();
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("was removed"), "{log}");
    assert!(last.contains(&*data.to_string_lossy()), "{log}");
    (gone, posters)
}

/// As `rm -rf`, also where a file is made meanwhile.
fn remove(dir: &Path) {
    while fs::remove_dir_all(dir).is_err() && dir.exists() {}
}

fn data_dir() -> (TempDir, PathBuf, Options) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let options = Options::embedded(&data).flag("--auth", "trust").shards(2);
    (dir, data, options)
}

#[test]
fn a_server_whose_directory_is_removed_acknowledges_nothing_more() {
    let (_dir, data, options) = data_dir();
    let (gone, posters) = take_away(&options, &data, || remove(&data));
    for poster in posters {
        let lost = poster.acknowledged_after(gone);
        assert_eq!(lost, 0, "acknowledged, and nobody finds them again");
    }
    let next = options.start();
    Api::trusted(next.addr, &any_user()).create_chat("anew", &[]);
}

#[test]
fn neither_does_one_of_which_a_part_is_removed() {
    for part in ["log", "log/0", "store"] {
        let (_dir, data, options) = data_dir();
        let away = data.join(part);
        let (gone, posters) = take_away(&options, &away, || remove(&away));
        for poster in posters {
            let late = poster.acknowledged_after(gone + NOTICED_WITHIN);
            assert_eq!(late, 0, "{part}: acknowledged");
        }
    }
}

#[test]
fn a_server_whose_directory_is_renamed_loses_nothing_of_it() {
    let (dir, data, options) = data_dir();
    let moved = dir.path().join("moved");
    let away = || fs::rename(&data, &moved).unwrap();
    let (gone, posters) = take_away(&options, &data, away);
    fs::rename(&moved, &data).unwrap();
    let next = options.start();
    for poster in posters {
        assert_eq!(poster.acknowledged_after(gone + NOTICED_WITHIN), 0);
        let history = Api::trusted(next.addr, &poster.user).history(&poster.chat);
        let found: HashSet<_> = history
            .iter()
            .filter_map(|it| it["content"].as_str())
            .collect();
        for (_, content) in &poster.acknowledged {
            assert!(found.contains(&**content), "{content} was acknowledged");
        }
    }
}

#[test]
fn a_server_whose_directory_is_replaced_does_not_run_beside_the_next() {
    let (dir, data, options) = data_dir();
    let (moved, mut next) = (dir.path().join("moved"), None);
    let (gone, posters) = take_away(&options, &data, || {
        fs::rename(&data, &moved).unwrap();
        next = Some(options.start());
    });
    for poster in posters {
        assert_eq!(poster.acknowledged_after(gone + NOTICED_WITHIN), 0);
    }
    next.unwrap().assert_lives();
}
