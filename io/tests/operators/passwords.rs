//! Which passwords may be chosen.

use crate::stage::{Stage, credentials};
use crate::support::api::PASSWORD;

#[test]
fn a_new_password_is_long_and_neither_the_name_nor_a_common_one() {
    let stage = Stage::new("open");
    for (password, hint) in [
        ("1234567", "at least 8 characters"),
        (
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
            "at least 8 characters",
        ),
        ("ANN.OF.GREEN.gables", "not the username"),
        ("password1", "common"),
        ("PassWord1", "common"),
        ("qwertyuiop", "common"),
    ] {
        let body = credentials("Ann.of.Green.Gables", password);
        let replies = [
            stage.register(&body),
            stage.operate("POST", "/users", &body),
        ];
        for reply in replies {
            reply.expect_problem(422, "out_of_bounds");
            let detail = reply.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(hint), "{password}: {detail}");
        }
    }
    let birds = "\u{1f426}".repeat(8);
    stage.register(&credentials("birds", &birds)).expect(201);
    let name = credentials("Ann.of.Green.Gables", PASSWORD);
    stage.register(&name).expect(201);
    // A login is not asked for more than it was.
    let short = stage.log_in("Ann.of.Green.Gables", "x");
    short.expect_problem(401, "wrong_credentials");
}
