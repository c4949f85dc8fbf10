//! What users say of themselves, and what they set for themselves.

use bytes::Bytes;
use rookery_schema::limits::USER_SETTINGS_BYTES_MAX;
use rookery_schema::record::{ProfileChanged, Record, UserSettingsChanged};
use rookery_schema::row::{ProfileRow, Row, UserSettingsRow};
use rookery_schema::{Offset, UserId};

use crate::context::Context;
use crate::edge::port::{Found, Read, StoreFault};
use crate::merge_patch::{JsonObject, merge};
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Outcome, ShardMessage};
use crate::owner::changes::ChangeKey;
use crate::owner::partition::Partition;
use crate::owner::partition::reads::PartitionRead;
use crate::owner::progress::SpanId;
use crate::owner::settings::{Patch, Queued};

impl Partition {
    /// Has a user called something else.
    pub(super) fn set_display_name(
        &mut self,
        asker: Asker,
        user_id: UserId,
        display_name: Option<&str>,
        cx: &mut Context<'_>,
    ) {
        let changed = ProfileChanged {
            user_id,
            at: cx.stamp(),
            display_name,
        };
        let record = Record::ProfileChanged(changed);
        let key = ChangeKey::profile(user_id, &encoded(&record));
        self.append_change(asker, key, &record, cx);
    }

    pub(super) fn apply_profile(
        &mut self,
        changed: &ProfileChanged<'_>,
        (offset, bytes): (Offset, &Bytes),
        span: SpanId,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let user_id = changed.user_id;
        rows.push(Row::Profile(ProfileRow {
            user_id,
            offset,
            changed_at: changed.at,
            display_name: changed.display_name.map(str::to_owned),
        }));
        let key = ChangeKey::profile(user_id, bytes);
        self.answer_when_stored(span, key, || Outcome::Done, cx);
    }

    /// Changes a user's settings, behind the changes that were asked for before.
    pub(super) fn change_user_settings(
        &mut self,
        asker: Asker,
        user_id: UserId,
        patch: Box<JsonObject>,
        cx: &mut Context<'_>,
    ) {
        match self.user_settings.wait(user_id, Patch { asker, patch }) {
            Queued::First => self.read_user_settings(user_id, cx),
            Queued::Behind => {}
            Queued::Full => cx.refuse(asker, Problem::SETTINGS_WAITING),
        }
    }

    fn read_user_settings(&mut self, user_id: UserId, cx: &mut Context<'_>) {
        let read = Read::UserSettings(user_id);
        self.read(PartitionRead::UserSettings(user_id), read, cx);
    }

    /// A user's settings were read, which are to be changed.
    pub(super) fn user_settings_read(
        &mut self,
        user_id: UserId,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(Patch { asker, patch }) = self.user_settings.take(user_id) else {
            return cx.bug("settings were read that nobody changes");
        };
        let changed = match cx.found(outcome, Found::user_settings) {
            Some(stored) => self.changed(user_id, stored, *patch, cx),
            None => Err(Problem::STORE_UNAVAILABLE),
        };
        let settings = match changed {
            Ok(settings) => settings,
            Err(problem) => {
                cx.refuse(asker, problem);
                return self.user_settings_done(user_id, cx);
            }
        };
        let changed = UserSettingsChanged {
            user_id,
            at: cx.stamp(),
            settings: &settings,
        };
        let record = Record::UserSettingsChanged(changed);
        let key = ChangeKey::user_settings(user_id, &encoded(&record));
        // Where it is refused, the next comes by that.
        self.append_change(asker, key, &record, cx);
    }

    /// A user's settings as a change leaves them.
    fn changed(
        &self,
        user_id: UserId,
        stored: Option<UserSettingsRow>,
        patch: JsonObject,
        cx: &mut Context<'_>,
    ) -> Result<String, Problem> {
        let stored = stored.as_ref().map(|row| row.settings.as_str());
        let before = self.user_settings.unstored(user_id).or(stored);
        let mut settings: JsonObject =
            match before.map_or(Ok(JsonObject::new()), serde_json::from_str) {
                Ok(settings) => settings,
                Err(_) => {
                    cx.bug("a user's settings are no JSON object");
                    JsonObject::new()
                }
            };
        merge(&mut settings, patch);
        match serde_json::to_string(&settings) {
            Ok(text) if text.len() <= USER_SETTINGS_BYTES_MAX => Ok(text),
            Ok(_) | Err(_) => Err(Problem::SETTINGS_LARGE),
        }
    }

    /// The change of a user's settings that was under way is done: the next one begins.
    pub(super) fn user_settings_done(&mut self, user_id: UserId, cx: &mut Context<'_>) {
        if self.user_settings.end(user_id) {
            self.read_user_settings(user_id, cx);
        }
    }

    pub(super) fn apply_user_settings(
        &mut self,
        changed: &UserSettingsChanged<'_>,
        (offset, bytes): (Offset, &Bytes),
        span: SpanId,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let UserSettingsChanged {
            user_id, settings, ..
        } = *changed;
        rows.push(Row::UserSettings(UserSettingsRow {
            user_id,
            offset,
            settings: settings.to_owned(),
        }));
        self.user_settings
            .applied(user_id, offset, settings.to_owned());
        let key = ChangeKey::user_settings(user_id, bytes);
        let outcome = || Outcome::Json {
            created: None,
            body: settings.as_bytes().to_vec(),
        };
        self.answer_when_stored(span, key, outcome, cx);
        if let Some(on_stored) = self.progress.on_stored(span, cx) {
            on_stored.settings.push((user_id, offset));
        }
    }

    /// A user's settings are in the store: from now on everybody reads them, and the user's devices are told.
    pub(super) fn user_settings_stored(
        &mut self,
        user_id: UserId,
        offset: Offset,
        cx: &mut Context<'_>,
    ) {
        if let Some(settings) = self.user_settings.stored(user_id, offset) {
            let settings = settings.into();
            let home = cx.routing.home(user_id);
            cx.send(home, ShardMessage::UserSettings { user_id, settings });
        }
        self.user_settings_done(user_id, cx);
    }
}

fn encoded(record: &Record<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    bytes
}
