//! What users say of themselves, and what they set for themselves.

use rookery_schema::Offset;
use rookery_schema::record::{ProfileChanged, UserSettingsChanged};
use rookery_schema::row::{ProfileRow, Row, UserSettingsRow};

use crate::context::Context;
use crate::owner::partition::Partition;
use crate::owner::progress::SpanId;

impl Partition {
    pub(super) fn apply_profile(
        &mut self,
        changed: &ProfileChanged<'_>,
        offset: Offset,
        _span: SpanId,
        rows: &mut Vec<Row>,
        _cx: &mut Context<'_>,
    ) {
        rows.push(Row::Profile(ProfileRow {
            user_id: changed.user_id,
            offset,
            changed_at: changed.at,
            display_name: changed.display_name.map(str::to_owned),
        }));
    }

    pub(super) fn apply_user_settings(
        &mut self,
        changed: &UserSettingsChanged<'_>,
        offset: Offset,
        _span: SpanId,
        rows: &mut Vec<Row>,
        _cx: &mut Context<'_>,
    ) {
        rows.push(Row::UserSettings(UserSettingsRow {
            user_id: changed.user_id,
            offset,
            settings: changed.settings.to_owned(),
        }));
    }
}
