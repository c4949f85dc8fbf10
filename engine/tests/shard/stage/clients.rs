//! The clients of the stage.

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::port::{Found, Read};
use rookery_schema::UserId;
use rookery_testing::ws::take_frame;
use serde_json::Value;

use super::Stage;

impl Stage {
    /// A user connects here.
    pub(crate) fn connect(&mut self, user_id: UserId) -> ConnId {
        let (conn, arrived) = self.host.arrived(user_id, None);
        self.step(arrived);
        conn
    }

    /// A user connects here, and will resume.
    pub(crate) fn connect_to_resume(&mut self, user_id: UserId) -> ConnId {
        let (conn, arrived) = self.host.arrived_to_resume(user_id);
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

    /// The texts that were sent to a WebSocket.
    pub(crate) fn heard_texts(&mut self, conn: ConnId) -> Vec<Value> {
        let texts = self.payloads(conn, 1).into_iter();
        texts
            .map(|text| serde_json::from_slice(&text).unwrap())
            .collect()
    }

    /// With what a WebSocket was closed since it was heard last.
    pub(crate) fn closed(&mut self, conn: ConnId) -> Option<u16> {
        let closes = self.payloads(conn, 8);
        let code = closes.first()?[..2].try_into().unwrap();
        Some(u16::from_be_bytes(code))
    }

    /// What the frames of a kind carry that were sent to a WebSocket; others are passed over.
    fn payloads(&mut self, conn: ConnId, opcode: u8) -> Vec<Vec<u8>> {
        let mut bytes = self.host.read(conn, usize::MAX);
        let frames = std::iter::from_fn(|| take_frame(&mut bytes));
        frames
            .filter(|(of, _)| *of == opcode)
            .map(|(_, payload)| payload)
            .collect()
    }

    /// What was sent to a connection, as text.
    pub(crate) fn heard(&mut self, conn: ConnId) -> String {
        let bytes = self.host.read(conn, usize::MAX);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
