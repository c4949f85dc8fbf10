//! What the server keeps from other users of its machine.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that can't run says so")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Child;

use support::server::rookery;
use support::{Api, Options, Server, eventually};

/// Everything below a directory.
fn tree(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap();
    let entries = entries.map(|entry| entry.unwrap().path());
    let with_children = entries.flat_map(|entry| {
        let children = if entry.is_dir() {
            tree(&entry)
        } else {
            Vec::new()
        };
        [vec![entry], children].concat()
    });
    with_children.collect()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The exit code of a server that does not start.
fn refused(server: &mut Server) -> Option<i32> {
    server.wait_ready().unwrap_err().code()
}

#[test]
fn all_files_are_their_users_alone_whatever_the_umask() {
    let root = tempfile::tempdir().unwrap();
    let data_dir = root.path().join("data");
    let mut server = Options::embedded(&data_dir).umask(0).start();
    let mut alice = Api::register(server.addr, "alice");
    let chat = alice.create_chat("c", &[]);
    alice.say(&chat, "hello");
    server.terminate();
    assert!(server.wait().success());
    let files = tree(&data_dir);
    for name in ["token.secret", "LOCK", "log", "store"] {
        assert!(files.contains(&data_dir.join(name)), "{files:?}");
    }
    for path in files {
        let allowed = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path) & !allowed, 0, "{path:?} has {:o}", mode(&path));
    }
}

/// The values of a line in a file that the kernel has of a process.
fn told_of(process: u32, file: &str, line: &str) -> Vec<String> {
    let told = fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let values = told.lines().find_map(|it| it.strip_prefix(line));
    let values = values.unwrap_or_default().split_whitespace();
    values.map(str::to_owned).collect()
}

fn leaves_no_core_dump(process: u32) -> bool {
    let limits = told_of(process, "limits", "Max core file size");
    limits.iter().take(2).eq(["0", "0"])
}

#[test]
fn it_leaves_no_core_dump() {
    let root = tempfile::tempdir().unwrap();
    let server = Options::embedded(root.path()).start();
    assert!(leaves_no_core_dump(server.id()));
}

/// A command of the binary, killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Either may fail where it has ended already, which is as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_commands_that_read_credentials_keep_them_as_a_server_does() {
    let root = tempfile::tempdir().unwrap();
    // Connections wait in its backlog for an answer.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = silent.local_addr().unwrap().to_string();
    for command in ["migrate", "check"] {
        let mut run = rookery(&root.path().join("output"));
        run.arg(command)
            .args(["--store", "scylla", "--scylla", &node]);
        run.arg("--data-dir").arg(root.path());
        let running = Running(run.spawn().unwrap());
        let process = running.0.id();
        eventually("it keeps its memory and its files from others", || {
            let files = told_of(process, "status", "Umask:");
            (leaves_no_core_dump(process) && files == ["0077"]).then_some(())
        });
    }
}

/// The mappings of a process that hold something, and that a core dump would show: where they begin and end.
fn dumped(smaps: &str) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    let mut mapping = None;
    for line in smaps.lines() {
        let range = line
            .split_whitespace()
            .next()
            .and_then(|it| it.split_once('-'));
        if let Some((start, end)) = range {
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            mapping = Some((number(start), number(end)));
        } else if line.starts_with("Rss:") && line.ends_with(" 0 kB") {
            mapping = None;
        } else if line.starts_with("VmFlags:") && !line.split(' ').any(|flag| flag == "dd") {
            found.extend(mapping);
        }
    }
    found
}

#[test]
fn its_secrets_are_in_no_memory_that_a_dump_would_show() {
    const KEY: &[u8] = b"Zq8-a-key-of-tokens-that-is-nowhere-else-Zq8";
    const OPERATOR: &[u8] = b"Xv7-an-operator-s-token-that-is-nowhere-else-Xv7";
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = root.path().join(name);
        fs::write(&path, content).unwrap();
        set_mode(&path, 0o600);
        path
    };
    let server = Options::embedded(&root.path().join("data"))
        .flag("--token-secret-file", file("key", KEY).display())
        .flag(
            "--operator-token-file",
            file("operator", OPERATOR).display(),
        )
        .with_admin()
        .start();
    let smaps = fs::read_to_string(format!("/proc/{}/smaps", server.id())).unwrap();
    let Ok(memory) = fs::File::open(format!("/proc/{}/mem", server.id())) else {
        return eprintln!("SKIPPED: may not read the server's memory");
    };
    let mut looked_at = 0;
    for (start, end) in dumped(&smaps) {
        let mut bytes = vec![0; (end - start) as usize];
        // Some of the kernel's own can't be read.
        if memory.read_exact_at(&mut bytes, start).is_err() {
            continue;
        }
        looked_at += bytes.len();
        let is_secret = |at: &usize| {
            [KEY, OPERATOR]
                .iter()
                .any(|it| bytes[*at..].starts_with(it))
        };
        let mut begins =
            (0..bytes.len()).filter(|at| bytes[*at] == KEY[0] || bytes[*at] == OPERATOR[0]);
        assert_eq!(begins.find(is_secret), None, "in {start:x}-{end:x}");
    }
    assert!(looked_at > 1 << 20, "{looked_at} bytes");
}

#[test]
fn a_data_directory_that_others_may_change_is_refused() {
    let root = tempfile::tempdir().unwrap();
    for mode in [0o770, 0o1777] {
        set_mode(root.path(), mode);
        let mut server = Options::embedded(root.path()).spawn();
        assert_eq!(refused(&mut server), Some(1));
        let log = server.log();
        assert!(log.contains(&format!("mode {mode:04o}")), "{log}");
        assert!(log.contains("run chmod go-w"), "{log}");
        assert!(tree(root.path()).is_empty(), "nothing is made there");
    }
}

/// Only root can make files that are another user's.
#[test]
fn a_token_secret_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: not root");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let secret = root.path().join("token.secret");
    fs::write(&secret, [b'x'; 64]).unwrap();
    set_mode(&secret, 0o600);
    chown(&secret, Some(12345), None).unwrap();
    let mut server = Options::embedded(root.path()).spawn();
    assert_eq!(refused(&mut server), Some(64));
    let log = server.log();
    assert!(log.contains("user 12345 owns it; run chown 0"), "{log}");
}
