//! Rooms of many listeners: what is for others goes before what is for them.

use rookery_schema::UserId;

use crate::stage::Stage;

/// Listeners here who are no crowd yet.
const SENT_AT_ONCE_MAX: usize = 256;

#[test]
fn a_room_of_many_is_told_in_turn_and_smaller_ones_at_once() {
    for (listeners, in_turn) in [
        (SENT_AT_ONCE_MAX, 0),
        (SENT_AT_ONCE_MAX + 1, SENT_AT_ONCE_MAX + 1),
    ] {
        let mut stage = Stage::new();
        let users: Vec<UserId> = (0..listeners).map(|_| stage.user()).collect();
        let chat = stage.create(&users);
        let conns: Vec<_> = users
            .iter()
            .map(|user| stage.connect_to(*user, &[chat]))
            .collect();
        assert_eq!(stage.in_turn, 0);
        stage.post(chat, users[0], None);
        stage.settle();
        assert_eq!(stage.in_turn, in_turn, "{listeners} listeners");
        for conn in conns {
            assert_eq!(stage.kinds(conn), ["message"]);
        }
    }
}
