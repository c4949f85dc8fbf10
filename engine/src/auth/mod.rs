//! Who calls, and whether they still may.

pub(crate) mod cookies;
pub(crate) mod gate;
pub(crate) mod origins;
pub(crate) mod revoked;
pub(crate) mod tokens;
