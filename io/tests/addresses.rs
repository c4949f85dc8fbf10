//! Limits by address: clients of one network can't take logins or connections from all others.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Barrier;
use std::thread;

use rustix::process::Signal;
use serde_json::json;
use support::api::{Api, PASSWORD};
use support::http::{Http, Request};
use support::{Options, Server};

/// Logins and registrations that a network may ask for at once.
const BURST: usize = 50;

/// An address of this machine that is not spared.
const fn stranger(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1 + n))
}

fn log_in(username: &str, password: &str) -> Request {
    Request::new("POST", "/login").json(&json!({"username": username, "password": password}))
}

fn met(server: &Server, limit: &str) -> f64 {
    let metrics = server.metrics();
    metrics.sum_with("rookery_limits_met_total", "limit", limit)
}

#[test]
fn a_network_has_a_burst_of_logins_and_registrations_together() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let _ann = Api::register(server.addr, "ann");
    let taken = json!({"username": "ann", "password": "wrong password"});
    let register = Request::new("POST", "/users").json(&taken);
    let mut guesser = Http::connect_from(stranger(1), server.addr).unwrap();
    for n in 0..BURST {
        let (request, status) = match n % 10 {
            0 => (log_in(&format!("nobody-{n}"), "wrong"), 401),
            _ => (register.clone(), 409),
        };
        assert_eq!(guesser.call(&request).unwrap().status, status);
    }
    let mut again = Http::connect_from(stranger(1), server.addr).unwrap();
    let refused = (0..BURST)
        .map(|_| again.call(&register).unwrap())
        .find(|reply| reply.status != 409)
        .expect("a few more became free meanwhile, but not as many");
    refused.expect_limit("address-logins");
    assert!(met(&server, "address-logins") > 0.0);
    let mut other = Http::connect_from(stranger(2), server.addr).unwrap();
    assert_eq!(other.call(&log_in("ann", PASSWORD)).unwrap().status, 200);
    let mut local = Api::anonymous(server.addr);
    for _ in 0..BURST + 10 {
        let taken = local.post("/users", &json!({"username": "ann", "password": PASSWORD}));
        assert_eq!(taken.status, 409, "clients of this machine are spared");
    }
}

#[test]
fn whom_a_trusted_proxy_names_counts() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path())
        .shards(1)
        .flag("--trusted-proxies", "127.0.0.1")
        .flag("--login-rate", 2)
        .start();
    let _ann = Api::register(server.addr, "ann");
    let mut proxy = Http::connect(server.addr).unwrap();
    let mut try_from = |client: &str, password: &str| {
        let request = log_in("ann", password).header("x-forwarded-for", client);
        proxy.call(&request).unwrap()
    };
    for _ in 0..2 {
        assert_eq!(try_from("203.0.113.9, 192.0.2.1", "wrong").status, 401);
    }
    try_from("203.0.113.10, 192.0.2.1", PASSWORD).expect_limit("login-rate");
    assert_eq!(try_from("192.0.2.2", PASSWORD).status, 200);
    for host in 1..=2 {
        let client = format!("2001:db8:1:2::{host}");
        assert_eq!(try_from(&client, "wrong").status, 401);
    }
    try_from("2001:db8:1:2::3", PASSWORD).expect_limit("login-rate");

    // The other way to say it: 192.0.2.1 again, and then a new client.
    for (last, status) in [(1, 429), (3, 200)] {
        let mut relayed = Http::connect(server.addr).unwrap();
        let addresses = [192, 0, 2, last, 127, 0, 0, 1, 0x30, 0x39, 0x1f, 0x90];
        let header = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &addresses].concat();
        let (first, rest) = header.split_at(5);
        relayed.write(first).unwrap();
        relayed.write(rest).unwrap();
        let reply = relayed.call(&log_in("ann", PASSWORD)).unwrap();
        assert_eq!(reply.status, status);
    }
}

#[test]
fn what_a_stranger_says_of_where_they_are_is_ignored_and_logged_once() {
    const SHARDS: usize = 2;
    const LOGIN_RATE: usize = 2;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path())
        .shards(SHARDS)
        .flag("--login-rate", LOGIN_RATE)
        .start();
    let _ann = Api::register(server.addr, "ann");
    let counted = || {
        let metrics = server.metrics();
        let name = "rookery_untrusted_forwards_total";
        let shards = metrics.named(name).map(|shard| shard.value).collect();
        let shards: Vec<f64> = shards;
        shards
    };
    let mut tried = 0;
    while counted().contains(&0.0) {
        tried += 1;
        assert!(tried < BURST, "connections come to all shards");
        let mut stranger = Http::connect_from(stranger(1), server.addr).unwrap();
        let request = log_in("ann", "wrong").header("x-forwarded-for", &format!("192.0.2.{tried}"));
        let reply = stranger.call(&request).unwrap();
        match tried {
            ..=LOGIN_RATE => assert_eq!(reply.status, 401),
            _ => reply.expect_limit("login-rate"),
        }
    }
    assert_eq!(counted().iter().sum::<f64>(), tried as f64);
    // What the server says now comes behind all that it had to say before.
    server.signal(Signal::HUP);
    support::eventually("it has said all", || {
        server
            .log()
            .contains("took up the token keys")
            .then_some(())
    });
    assert_eq!(server.log().matches("--trusted-proxies").count(), 1);

    let mut relayed = Http::connect_from(stranger(2), server.addr).unwrap();
    relayed.send(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    let refused = relayed.receive().unwrap();
    refused.expect_problem(400, "bad_line_ending");
}

#[test]
fn many_networks_slow_an_account_down_but_not_for_who_logged_in_there_before() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path())
        .shards(2)
        .flag("--trusted-proxies", "127.0.0.1")
        .flag("--login-rate", 2)
        .start();
    let _ann = Api::register(server.addr, "ann");
    let mut proxy = Http::connect(server.addr).unwrap();
    let mut try_from = |n: usize, password: &str| {
        let client = format!("192.0.2.{n}");
        let request = log_in("ann", password).header("x-forwarded-for", &client);
        proxy.call(&request).unwrap()
    };
    assert_eq!(try_from(200, PASSWORD).status, 200);
    for n in 0..10 {
        assert_eq!(try_from(n, "wrong").status, 401);
    }
    try_from(11, "wrong").expect_limit("account-logins");
    try_from(11, PASSWORD).expect_limit("account-logins");
    assert_eq!(try_from(200, PASSWORD).status, 200);
}

/// Spends most of what a network may ask for, which costs nobody anything; then, once all are there, logs in with names
/// that nobody has, over several connections at once. Gives how often that was refused since its limit was met.
fn flood(from: IpAddr, addr: SocketAddr, all_are_there: &Barrier) -> usize {
    const SPENT: usize = BURST - 10;
    const CONNECTIONS: usize = 4;
    const LOGINS: usize = 8;
    let connect = || Http::connect_from(from, addr).unwrap();
    let taken = json!({"username": "ann", "password": PASSWORD});
    let mut spender = connect();
    let register = Request::new("POST", "/users").json(&taken).encode();
    for _ in 0..SPENT {
        // To hold each reply to the documents, as `call` does, would take so long that what is spent comes back.
        spender.send(&register);
        assert_eq!(spender.receive().unwrap().status, 409);
    }
    let mut connections: Vec<Http> = (0..CONNECTIONS).map(|_| connect()).collect();
    all_are_there.wait();
    for (n, attacker) in connections.iter_mut().enumerate() {
        let logins = (0..LOGINS).map(|m| log_in(&format!("nobody-{from}-{n}-{m}"), "wrong"));
        attacker.send(&logins.flat_map(|login| login.encode()).collect::<Vec<u8>>());
    }
    let replies = connections
        .into_iter()
        .flat_map(|mut attacker| (0..LOGINS).map(move |_| attacker.receive().unwrap()));
    let limited = replies.filter(|reply| match reply.status {
        // Nobody has that name; or too many wait for the hashers.
        401 | 503 => false,
        _ => {
            reply.expect_limit("address-logins");
            true
        }
    });
    limited.count()
}

#[test]
fn logins_get_through_a_flood_of_them_from_elsewhere() {
    const ATTACKERS: u8 = 20;
    const HONEST: usize = 12;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let addr = server.addr;
    let _ann = Api::register(addr, "ann");
    let all_are_there = Barrier::new(usize::from(ATTACKERS) + 1);
    thread::scope(|scope| {
        let attack = |n| {
            let all_are_there = &all_are_there;
            scope.spawn(move || flood(stranger(n), addr, all_are_there))
        };
        let floods: Vec<_> = (2..2 + ATTACKERS).map(attack).collect();
        let mut honest = Http::connect_from(stranger(1), addr).unwrap();
        all_are_there.wait();
        for _ in 0..HONEST {
            assert_eq!(honest.call(&log_in("ann", PASSWORD)).unwrap().status, 200);
        }
        for flood in floods {
            assert!(flood.join().unwrap() > 0, "each is told of its limit");
        }
    });
}

#[test]
fn a_network_with_too_many_connections_is_told_so_and_others_are_not_touched() {
    const ALLOWED: usize = 5;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path())
        .shards(2)
        .flag("--connections-per-address", ALLOWED)
        .start();
    let live = Request::get("/livez");
    let connect = |from: IpAddr| Http::connect_from(from, server.addr);
    let mut kept: Vec<Http> = (0..ALLOWED)
        .map(|_| {
            let mut http = connect(stranger(1)).unwrap();
            assert_eq!(http.call(&live).unwrap().status, 200);
            http
        })
        .collect();
    for _ in 0..3 {
        let refused = connect(stranger(1)).unwrap().receive().unwrap();
        refused.expect_limit("connections-per-address");
        assert_eq!(refused.header("connection"), Some("close"));
    }
    assert_eq!(met(&server, "connections-per-address"), 3.0);
    assert_eq!(
        connect(stranger(2)).unwrap().call(&live).unwrap().status,
        200
    );
    let _local: Vec<_> = (0..2 * ALLOWED)
        .map(|_| {
            let mut http = Http::connect(server.addr).unwrap();
            assert_eq!(http.call(&live).unwrap().status, 200);
            http
        })
        .collect();
    kept.pop();
    support::eventually("there is room again", || {
        let reply = connect(stranger(1)).ok()?.call(&live).ok()?;
        (reply.status == 200).then_some(())
    });
}

#[test]
fn by_default_a_network_has_a_share_of_all_connections() {
    const LIMIT: u64 = 1024;
    let dir = tempfile::tempdir().unwrap();
    let start = |auth: &str| {
        let options = Options::embedded(dir.path()).flag("--auth", auth).shards(1);
        options.open_files(LIMIT, LIMIT).start()
    };
    let share = (LIMIT as usize - 128 - 32 - 64 - 6 - 320) / 4;
    let first_turned_away = |addr: SocketAddr| {
        let mut all = Vec::new();
        (0..share + 20).find(|_| {
            let mut http = Http::connect_from(stranger(1), addr).unwrap();
            let turned_away = http.call(&Request::get("/livez")).unwrap().status == 429;
            all.push(http);
            turned_away
        })
    };
    let server = start("token");
    assert_eq!(first_turned_away(server.addr), Some(share));
    drop(server);
    let server = start("trust");
    assert_eq!(
        first_turned_away(server.addr),
        None,
        "in trust mode it must be asked for"
    );
}
