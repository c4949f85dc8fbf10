//! The clients of the stage.

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::port::{Found, Read};
use rookery_schema::UserId;

use super::Stage;

impl Stage {
    /// A user connects here.
    pub(crate) fn connect(&mut self, user_id: UserId) -> ConnId {
        let (conn, arrived) = self.host.arrived(user_id, None);
        self.step(arrived);
        conn
    }

    /// A user who is in no chat connects, and is ready.
    pub(crate) fn connect_idle(&mut self, user_id: UserId) -> ConnId {
        let conn = self.connect(user_id);
        let read = self.answer_read(Ok(Found::Chats(Vec::new())));
        assert_eq!(read, Read::ChatsOfUser(user_id));
        assert!(self.heard(conn).contains("ready"));
        conn
    }

    pub(crate) fn disconnect(&mut self, conn: ConnId) {
        self.step(Input::Gone { conn });
    }

    /// What was sent to a connection, as text.
    pub(crate) fn heard(&mut self, conn: ConnId) -> String {
        let bytes = self.host.read(conn, usize::MAX);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
