//! The keyspaces of chats: how each was made, and what admins have changed about it.

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_schema::ChatId;
use rookery_schema::roles::Settings;
use rookery_schema::row::{ChatRow, SettingsRow};

use super::codec;
use super::error::ReadError;

/// Names of the keyspaces.
pub(super) const CHATS: &str = "chats";
pub(super) const SETTINGS: &str = "chat_settings";

/// See the module.
pub(super) struct Chats {
    pub(super) chats: Keyspace,
    pub(super) settings: Keyspace,
}

impl Chats {
    pub(super) fn put(&self, batch: &mut OwnedWriteBatch, row: &ChatRow) {
        batch.insert(&self.chats, row.chat_id.as_bytes(), codec::chat_value(row));
    }

    pub(super) fn put_settings(&self, batch: &mut OwnedWriteBatch, row: &SettingsRow) {
        batch.insert(&self.settings, row.chat_id.as_bytes(), row.value());
    }

    /// A chat is deleted. Its settings are removed later, with what else there is of it.
    pub(super) fn remove(&self, batch: &mut OwnedWriteBatch, chat_id: ChatId) {
        batch.remove(&self.chats, chat_id.as_bytes());
    }

    pub(super) fn remove_settings(&self, batch: &mut OwnedWriteBatch, chat_id: ChatId) {
        batch.remove(&self.settings, chat_id.as_bytes());
    }

    pub(super) fn get(&self, chat_id: ChatId) -> Result<Option<ChatRow>, ReadError> {
        let value = self.chats.get(chat_id.as_bytes())?;
        let row = |value: &[u8]| codec::chat(chat_id, value);
        let row = value.map(|value| row(&value).ok_or(ReadError::Malformed(CHATS)));
        row.transpose()
    }

    pub(super) fn settings_of(&self, chat_id: ChatId) -> Result<Option<Settings>, ReadError> {
        let value = self.settings.get(chat_id.as_bytes())?;
        let row = |value: &[u8]| SettingsRow::stored(chat_id, value);
        let row = value.map(|value| row(&value).ok_or(ReadError::Malformed(SETTINGS)));
        Ok(row.transpose()?.map(|row| row.settings))
    }
}
