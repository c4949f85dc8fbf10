//! The same of users: who they are called, by what they are looked for, and with what they log in.

use std::sync::Arc;

use rookery_engine::config::{AuthMode, RegistrationMode};

use super::{JSON, OPERATOR, Refused, play};
use crate::callers::log_in;
use crate::host::Host;

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

#[test]
fn names_and_ids_are_named() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let long = "x".repeat(65);
    let username = format!(r#"{{"username":"{long}"}}"#);
    let after = format!("/users?after={long}");
    let prefix = format!("/users?prefix={long}");
    let name = format!("/users?name={long}");
    let too_many = format!("/users?ids={}", [NOBODY; 101].join(","));
    let with_name = format!("/users?ids={NOBODY}&name=ann");
    let with_prefix = format!("/users?ids={NOBODY}&prefix=");
    let cases: [Refused<'_>; _] = [
        ("POST", "/users", "{}", "username", "missing"),
        (
            "POST",
            "/users",
            r#"{"username":""}"#,
            "username",
            "too_short",
        ),
        ("POST", "/users", &username, "username", "too_long"),
        ("POST", "/login", &username, "username", "too_long"),
        (
            "POST",
            "/login",
            r#"{"username":""}"#,
            "username",
            "too_short",
        ),
        ("GET", &after, "", "after", "too_long"),
        ("GET", &prefix, "", "prefix", "too_long"),
        ("GET", "/users?prefix=%C3", "", "prefix", "malformed"),
        ("GET", "/users?prefix=a&prefix=b", "", "prefix", "repeated"),
        ("GET", &name, "", "name", "too_long"),
        ("GET", "/users?name=", "", "name", "too_short"),
        ("GET", &too_many, "", "ids", "too_long"),
        ("GET", "/users?ids=", "", "ids", "too_short"),
        ("GET", "/users?ids=ann", "", "ids", "malformed"),
        ("GET", &with_name, "", "name", "conflicting"),
        ("GET", &with_prefix, "", "prefix", "conflicting"),
        (
            "GET",
            "/users?name=ann&prefix=a",
            "",
            "prefix",
            "conflicting",
        ),
    ];
    play(&mut host, conn, JSON, "", &cases);
    let longer = "\u{23a}".repeat(22);
    for (username, code) in [
        ("\u{9b}", "forbidden_characters"),
        ("b b", "forbidden_characters"),
        ("\u{200b}b", "forbidden_characters"),
        ("\u{2665}", "forbidden_characters"),
        ("\u{1f914}", "forbidden_characters"),
        ("a\u{200d}b", "forbidden_characters"),
        ("a\u{5d0}", "malformed"),
        (&longer, "too_long"),
    ] {
        let body = format!(r#"{{"username":"{username}"}}"#);
        let case = ("POST", "/users", &*body, "username", code);
        play(&mut host, conn, JSON, "", &[case]);
    }
    assert!(host.asked.is_empty(), "nothing is done");
}

#[test]
fn passwords_and_invites_are_named() {
    let mut host = Host::with(AuthMode::Token, |config| {
        config.registration = RegistrationMode::Open;
        config.operator_token = Some(Arc::new("a token of an operator, for tests"));
    });
    let conn = host.accept();
    let long = format!(r#"{{"username":"bob","password":"{}"}}"#, "x".repeat(1025));
    // Two bytes for each as it is typed, and three as it is hashed.
    let longer = "\u{958}".repeat(512);
    let longer = format!(r#"{{"username":"bob","password":"{longer}"}}"#);
    let cases: [Refused<'_>; _] = [
        (
            "POST",
            "/users",
            r#"{"username":"bob"}"#,
            "password",
            "missing",
        ),
        (
            "POST",
            "/users",
            r#"{"username":"bob","password":7}"#,
            "password",
            "malformed",
        ),
        (
            "POST",
            "/users",
            r#"{"username":"bob","password":"x"}"#,
            "password",
            "too_short",
        ),
        (
            "POST",
            "/login",
            r#"{"username":"bob","password":""}"#,
            "password",
            "too_short",
        ),
        ("POST", "/users", &long, "password", "too_long"),
        ("POST", "/users", &longer, "password", "too_long"),
        (
            "POST",
            "/users",
            r#"{"username":"bob","password":"pass\tword1234"}"#,
            "password",
            "forbidden_characters",
        ),
        (
            "POST",
            "/users",
            r#"{"username":"robert-the-first","password":"Robert-The-First"}"#,
            "password",
            "same_as_username",
        ),
    ];
    play(&mut host, conn, JSON, "", &cases);
    let operator = host.accept_operator();
    let of_operators: [Refused<'_>; _] = [
        (
            "POST",
            "/invites",
            r#"{"expires_in":1}"#,
            "expires_in",
            "out_of_range",
        ),
        (
            "POST",
            "/invites",
            r#"{"expires_in":"1"}"#,
            "expires_in",
            "malformed",
        ),
        (
            "POST",
            "/invites",
            r#"{"expires_in":-1}"#,
            "expires_in",
            "malformed",
        ),
        (
            "POST",
            "/invites",
            r#"{"expires_in":60.5}"#,
            "expires_in",
            "malformed",
        ),
        (
            "POST",
            "/users",
            r#"{"password":"x"}"#,
            "username",
            "missing",
        ),
        ("PUT", "/users/{user}/password", "{}", "password", "missing"),
    ];
    play(&mut host, operator, JSON, OPERATOR, &of_operators);

    let mut host = Host::with(AuthMode::Token, |config| {
        config.registration = RegistrationMode::Invite;
    });
    let conn = host.accept();
    let cases: [Refused<'_>; _] = [
        (
            "POST",
            "/users",
            r#"{"username":"bob"}"#,
            "invite",
            "missing",
        ),
        ("POST", "/users", r#"{"invite":"x"}"#, "invite", "invalid"),
        ("POST", "/users", r#"{"invite":7}"#, "invite", "malformed"),
    ];
    play(&mut host, conn, JSON, "", &cases);
}

#[test]
fn what_users_do_with_their_account_is_named() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let long = format!(r#"{{"display_name":"{}"}}"#, "x".repeat(65));
    // Two bytes each, and then four.
    let longer = format!(r#"{{"display_name":"{}"}}"#, "\u{1f426}".repeat(33));
    let cases: [Refused<'_>; _] = [
        (
            "PATCH",
            "/me",
            r#"{"display_name":7}"#,
            "display_name",
            "malformed",
        ),
        (
            "PATCH",
            "/me",
            r#"{"display_name":" "}"#,
            "display_name",
            "blank",
        ),
        (
            "PATCH",
            "/me",
            r#"{"display_name":"a\nb"}"#,
            "display_name",
            "forbidden_characters",
        ),
        (
            "PATCH",
            "/me",
            r#"{"display_name":"a\u202eb"}"#,
            "display_name",
            "forbidden_characters",
        ),
        ("PATCH", "/me", &long, "display_name", "too_long"),
        ("PATCH", "/me", &longer, "display_name", "too_long"),
        ("POST", "/logout?all=1", "", "all", "malformed"),
        ("POST", "/logout?all=true&all=true", "", "all", "repeated"),
    ];
    play(&mut host, conn, JSON, "", &cases);

    let mut host = Host::new(AuthMode::Token);
    let conn = host.accept();
    let user = host.user;
    let token = log_in(&mut host, conn, user);
    let header = format!("Authorization: Bearer {token}\r\n");
    let device =
        |device: &str| format!(r#"{{"username":"bob","password":"x","device":"{device}"}}"#);
    let (long, blank, lines) = (device(&"x".repeat(65)), device(" "), device("a\\tb"));
    let long_old = format!(
        r#"{{"old":"{}","new":"a long password"}}"#,
        "x".repeat(1025)
    );
    let long_new = format!(r#"{{"old":"x","new":"{}"}}"#, "x".repeat(1025));
    let long_password = format!(r#"{{"password":"{}"}}"#, "x".repeat(1025));
    let path = "/me/password";
    let cases: [Refused<'_>; _] = [
        ("POST", "/login", &device(""), "device", "too_short"),
        ("POST", "/login", &long, "device", "too_long"),
        ("POST", "/login", &blank, "device", "blank"),
        ("POST", "/login", &lines, "device", "forbidden_characters"),
        (
            "PUT",
            path,
            r#"{"new":"a long password"}"#,
            "old",
            "missing",
        ),
        ("PUT", path, r#"{"old":"x"}"#, "new", "missing"),
        (
            "PUT",
            path,
            r#"{"old":"","new":"a long password"}"#,
            "old",
            "too_short",
        ),
        ("PUT", path, &long_old, "old", "too_long"),
        ("PUT", path, r#"{"old":"x","new":""}"#, "new", "too_short"),
        (
            "PUT",
            path,
            r#"{"old":"x","new":"short"}"#,
            "new",
            "too_short",
        ),
        ("PUT", path, &long_new, "new", "too_long"),
        (
            "PUT",
            path,
            r#"{"old":"x","new":"pass\tword1234"}"#,
            "new",
            "forbidden_characters",
        ),
        ("DELETE", "/me", "{}", "password", "missing"),
        (
            "DELETE",
            "/me",
            r#"{"password":""}"#,
            "password",
            "too_short",
        ),
        ("DELETE", "/me", &long_password, "password", "too_long"),
    ];
    play(&mut host, conn, JSON, &header, &cases);
    assert!(host.asked.is_empty(), "nothing is done");
}
