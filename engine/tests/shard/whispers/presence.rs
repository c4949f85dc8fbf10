//! Who is there.

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::whisper::PresenceState;
use rookery_engine::mesh::{Leaver, Outcome, ShardMessage, Whisper};
use rookery_schema::{ChatId, Seq, UserId};
use rookery_testing::ws::PONG;
use serde_json::{Value, json};

use crate::joins::event_at;
use crate::stage::{SECOND, Stage, THERE};

const ONLINE: PresenceState = PresenceState::Online;
const OFFLINE: PresenceState = PresenceState::Offline { last_seen: None };

/// A user here, and a chat of the other shard that they are in.
struct Following {
    stage: Stage,
    user: UserId,
    chat_id: ChatId,
    conn: ConnId,
}

fn shown(user: UserId, online: bool) -> Value {
    json!({"type": "presence", "user_id": user.to_string(), "online": online})
}

impl Following {
    fn new() -> Self {
        let mut stage = Stage::new();
        stage.all_ready();
        let (user, chat_id) = (stage.user(), stage.foreign_chat());
        let conn = stage.connect_to_foreign(user, &[chat_id]);
        Self {
            stage,
            user,
            chat_id,
            conn,
        }
    }

    /// They follow the chat, which has these other members.
    fn follow(&mut self, others: &[UserId]) {
        self.stage.follow(self.conn, self.chat_id);
        self.answer(others);
        self.stage.tick_after(SECOND / 10);
        self.stage.heard_texts(self.conn);
    }

    fn answer(&mut self, others: &[UserId]) {
        let asked = self.stage.asked_members();
        assert_eq!(asked.len(), 1);
        let members = [&[self.user], others].concat();
        self.stage.answer_members(asked[0].0, &members);
    }

    /// Lets so many seconds pass, in which their client shows that it is there.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.stage.pass(1);
            self.stage.step(Input::Received {
                conn: self.conn,
                bytes: &PONG,
                waited_micros: 0,
            });
        }
    }

    fn heard(&mut self) -> Vec<Value> {
        self.stage.heard_texts(self.conn)
    }

    /// An event of the chat comes, the last one for a member who leaves.
    fn event(&mut self, seq: u64, leaver: Option<UserId>) {
        let text = json!({"type": "event", "seq": seq}).to_string();
        let mut event = event_at(self.chat_id, Seq(seq), &text);
        if let ShardMessage::Events(batch) = &mut event {
            batch.leaver = leaver.map(Leaver::One);
        }
        self.stage.tell(event);
        self.stage.heard_texts(self.conn);
    }
}

#[test]
fn who_follows_hears_how_members_are_and_what_changes() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob, carol) = (stage.user(), stage.user(), stage.foreign_user());
    let chat_id = stage.create(&[alice, bob, carol]);
    let conn = stage.connect_to(alice, &[chat_id]);
    let idle = stage.connect_to(alice, &[chat_id]);
    stage.follow(conn, chat_id);
    stage.tick_after(SECOND / 10);
    assert_eq!(
        stage.heard_texts(conn),
        [shown(alice, true), shown(bob, false)]
    );
    assert_eq!(stage.watched(), [[carol]]);
    stage.tell_presence(&[carol], ONLINE);
    stage.tell_presence(&[carol], ONLINE);
    assert_eq!(stage.heard_texts(conn), [shown(carol, true)]);

    let other = stage.connect_to(bob, &[chat_id]);
    stage.pass(1);
    assert_eq!(stage.heard_texts(conn), [shown(bob, true)]);
    let last_seen = stage.wall();
    stage.disconnect(other);
    stage.pass(9);
    assert!(stage.heard_texts(conn).is_empty());
    stage.pass(2);
    let heard = stage.heard_texts(conn);
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["online"], false);
    let seen = String::from_utf8(last_seen.rfc3339().to_vec()).unwrap();
    assert_eq!(heard[0]["last_seen"], seen);
    assert!(stage.heard_texts(idle).is_empty(), "only who asked is told");
}

#[test]
fn who_asks_again_hears_all_again() {
    let mut following = Following::new();
    let other = following.stage.foreign_user();
    following.follow(&[other]);
    following.stage.tell_presence(&[other], ONLINE);
    following.heard();
    let (user, chat_id) = (following.user, following.chat_id);
    let second = following.stage.connect_to_foreign(user, &[chat_id]);
    for conn in [following.conn, second] {
        following.stage.follow(conn, chat_id);
        let heard = following.stage.heard_texts(conn);
        assert_eq!(heard, [shown(user, true), shown(other, true)]);
    }
    assert!(following.stage.asked_members().is_empty());
    following.stage.tell_presence(&[other], OFFLINE);
    for conn in [following.conn, second] {
        let heard = following.stage.heard_texts(conn);
        assert_eq!(heard, [shown(other, false)]);
    }
}

#[test]
fn who_comes_back_in_time_was_never_away() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob) = (stage.user(), stage.user());
    let chat_id = stage.create(&[alice, bob]);
    let conn = stage.connect_to(alice, &[chat_id]);
    let mut other = stage.connect_to(bob, &[chat_id]);
    stage.follow(conn, chat_id);
    stage.pass(1);
    assert_eq!(stage.heard_texts(conn).len(), 2);
    for _ in 0..5 {
        stage.disconnect(other);
        stage.pass(4);
        assert!(stage.heard_texts(conn).is_empty());
        stage.pass(4);
        assert!(stage.heard_texts(conn).is_empty());
        other = stage.connect_to(bob, &[chat_id]);
        stage.pass(2);
        assert!(stage.heard_texts(conn).is_empty());
        stage.step(Input::Received {
            conn,
            bytes: &PONG,
            waited_micros: 0,
        });
    }
}

#[test]
fn who_follows_no_longer_hears_nothing() {
    let mut following = Following::new();
    let (other, chat_id) = (following.stage.foreign_user(), following.chat_id);
    following.follow(&[other]);
    let no = json!({"type": "presence", "chat_id": chat_id.to_string(), "follow": false});
    following.stage.say(following.conn, &no);
    following.stage.watched();
    following.stage.tell_presence(&[other], ONLINE);
    assert!(following.heard().is_empty());
    following.pass(31);
    assert!(following.stage.watched().is_empty());
    assert!(following.stage.asked_members().is_empty());
}

#[test]
fn nobody_is_watched_for_a_socket_that_has_closed() {
    let mut following = Following::new();
    let other = following.stage.foreign_user();
    following.follow(&[other]);
    following.stage.watched();
    following.stage.disconnect(following.conn);
    following.stage.pass(31);
    assert!(following.stage.watched().is_empty());
}

#[test]
fn a_chat_that_is_not_theirs_looks_like_none() {
    let mut following = Following::new();
    let (mine, none) = (following.stage.chat(), following.stage.foreign_chat());
    for chat_id in [mine, none] {
        following.stage.follow(following.conn, chat_id);
        assert_eq!(following.heard()[0]["code"], Problem::NO_SUCH_CHAT.code);
    }
    assert!(following.stage.sent.is_empty());
}

#[test]
fn a_home_tells_another_what_it_wants_to_know_for_90_seconds() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob) = (stage.user(), stage.user());
    let watch = |stage: &mut Stage, users: Vec<UserId>| {
        stage.hear_whisper(Whisper::Watch { from: THERE, users });
    };
    watch(&mut stage, vec![alice, bob]);
    assert_eq!(stage.told(), [(alice, OFFLINE), (bob, OFFLINE)]);
    stage.pass(80);
    watch(&mut stage, vec![alice]);
    assert_eq!(stage.told(), [(alice, OFFLINE)]);
    stage.pass(20);
    stage.connect_to(alice, &[]);
    stage.connect_to(bob, &[]);
    stage.pass(1);
    assert_eq!(stage.told(), [(alice, ONLINE)], "the other has expired");
    stage.pass(100);
    watch(&mut stage, vec![alice, bob]);
    assert_eq!(stage.told(), [(alice, ONLINE), (bob, ONLINE)]);
}

#[test]
fn what_got_lost_is_told_with_the_next_renewal() {
    let mut following = Following::new();
    let other = following.stage.foreign_user();
    following.follow(&[other]);
    assert_eq!(following.stage.watched(), [[other]]);
    // Neither this question nor a change that was told has an answer.
    following.pass(29);
    assert!(following.stage.watched().is_empty());
    following.pass(2);
    assert_eq!(following.stage.watched(), [[other]]);
    following.stage.tell_presence(&[other], ONLINE);
    assert_eq!(following.heard(), [shown(other, true)]);
    following.pass(30);
    assert_eq!(following.stage.watched(), [[other]]);
    following.stage.tell_presence(&[other], ONLINE);
    assert!(following.heard().is_empty());
}

#[test]
fn an_owner_is_asked_again_where_something_happened_in_the_chat() {
    let mut following = Following::new();
    let (other, new) = (
        following.stage.foreign_user(),
        following.stage.foreign_user(),
    );
    following.follow(&[other]);
    following.pass(31);
    assert!(following.stage.asked_members().is_empty());
    following.event(5, None);
    following.pass(31);
    following.stage.watched();
    following.answer(&[new]);
    following.stage.tick_after(SECOND / 10);
    assert_eq!(following.stage.watched(), [[new]]);
    following.stage.tell_presence(&[other, new], ONLINE);
    assert_eq!(following.heard(), [shown(new, true)]);
}

#[test]
fn who_was_removed_is_followed_no_longer_nor_follows() {
    let mut following = Following::new();
    let (former, other) = (
        following.stage.foreign_user(),
        following.stage.foreign_user(),
    );
    following.follow(&[former, other]);
    following.event(5, Some(former));
    following.stage.tell_presence(&[former, other], ONLINE);
    assert_eq!(following.heard(), [shown(other, true)]);
    following.event(6, Some(following.user));
    following.stage.tell_presence(&[other], OFFLINE);
    assert!(following.heard().is_empty());
}

#[test]
fn an_owner_who_gives_no_answer_is_asked_again() {
    let mut following = Following::new();
    let other = following.stage.foreign_user();
    following.stage.follow(following.conn, following.chat_id);
    let (asker, _) = following.stage.asked_members()[0];
    let refused = Outcome::Refused(Problem::STARTING);
    following.stage.tell(ShardMessage::Answer {
        asker,
        outcome: refused,
    });
    following.pass(4);
    assert_eq!(following.stage.asked_members().len(), 1);
    following.pass(14);
    following.answer(&[other]);
    following.stage.tick_after(SECOND / 10);
    assert_eq!(following.stage.watched(), [[other]]);
}

#[test]
fn a_client_that_was_behind_hears_how_members_are_once_it_is_not() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob) = (stage.user(), stage.user());
    let chat_id = stage.create(&[alice, bob]);
    let conn = stage.connect_to(alice, &[chat_id]);
    stage.follow(conn, chat_id);
    stage.pass(1);
    stage.heard_texts(conn);
    stage.fill(chat_id, bob);
    stage.connect_to(bob, &[chat_id]);
    stage.pass(2);
    let kinds = stage.kinds(conn);
    assert!(kinds.iter().all(|kind| kind == "message"), "{kinds:?}");
    stage.pass(1);
    let heard = stage.heard_texts(conn);
    assert_eq!(heard, [shown(alice, true), shown(bob, true)]);
}

#[test]
fn a_socket_follows_16_chats() {
    let mut stage = Stage::new();
    stage.all_ready();
    let user = stage.user();
    let chats: Vec<_> = (0..17).map(|_| stage.create(&[user])).collect();
    let conn = stage.connect_to(user, &chats);
    for chat_id in &chats {
        stage.follow(conn, *chat_id);
    }
    for _ in 0..3 {
        let errors: Vec<Value> = stage.heard_texts(conn);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0]["limit"], "chats-followed");
        assert_eq!(errors[0]["chat_id"], chats[16].to_string());
        stage.follow(conn, chats[16]);
    }
    assert_eq!(stage.closed(conn), None, "it was not told to wait");
    let first = json!({"type": "presence", "chat_id": chats[0].to_string(), "follow": false});
    stage.say(conn, &first);
    stage.follow(conn, chats[16]);
    assert!(stage.heard_texts(conn).is_empty());
}

#[test]
fn the_first_256_members_of_a_chat_are_followed() {
    let mut stage = Stage::new();
    stage.all_ready();
    let user = stage.user();
    let others: Vec<_> = (0..256).map(|_| stage.foreign_user()).collect();
    let chat_id = stage.create(&[&[user], others.as_slice()].concat());
    let conn = stage.connect_to(user, &[chat_id]);
    stage.follow(conn, chat_id);
    stage.tick_after(SECOND / 10);
    let watched = stage.watched();
    assert!(watched.iter().all(|users| users.len() <= 64));
    assert_eq!(watched.concat(), others[..255]);
}

#[test]
fn no_more_users_are_followed_at_a_home_than_may_be() {
    let mut stage = Stage::new();
    stage.all_ready();
    let user = stage.user();
    let chats: Vec<_> = (0..1025).map(|_| stage.foreign_chat()).collect();
    let mut conn = stage.connect_to_foreign(user, &chats);
    for (number, chat_id) in (0u128..).zip(&chats[..1024]) {
        if number > 0 && number.is_multiple_of(16) {
            conn = stage.connect_to_foreign(user, &chats);
        }
        stage.follow(conn, *chat_id);
        let (asker, _) = stage.asked_members()[0];
        let member = |member: u128| UserId::from_bytes((number << 64 | member).to_be_bytes());
        let members: Vec<UserId> = (1..=256).map(member).collect();
        stage.answer_members(asker, &members);
    }
    let last = stage.connect_to_foreign(user, &chats);
    stage.follow(last, chats[1024]);
    let heard = stage.heard_texts(last);
    assert_eq!(heard[0]["code"], "unavailable");
    assert_eq!(heard[0]["limit"], "users-followed");
    stage.disconnect(conn);
    stage.follow(last, chats[1024]);
    assert!(stage.heard_texts(last).is_empty());
    assert_eq!(stage.asked_members().len(), 1);
    // A tick asks about some of them.
    stage.tick_after(SECOND / 10);
    assert!(stage.watched().concat().len() <= 512);
}

#[test]
fn so_many_changes_are_told_in_a_second() {
    let mut stage = Stage::new();
    stage.all_ready();
    let users: Vec<UserId> = (0..2100).map(|_| stage.user()).collect();
    for some in users.chunks(64) {
        let users = some.to_vec();
        stage.hear_whisper(Whisper::Watch { from: THERE, users });
    }
    stage.told();
    for user in &users {
        stage.connect_to(*user, &[]);
    }
    let mut told = Vec::new();
    for count in [2048, 52, 0] {
        stage.pass(1);
        assert!(stage.whispered.len() <= 32);
        let some = stage.told();
        assert_eq!(some.len(), count);
        told.extend(some);
    }
    assert!(
        told.iter()
            .zip(&users)
            .all(|(told, user)| *told == (*user, ONLINE))
    );
}
