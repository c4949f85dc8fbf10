//! Who calls, and whether they still may.

pub(crate) mod cookies;
pub(crate) mod ended_users;
pub(crate) mod gate;
pub(crate) mod jwt;
pub(crate) mod operator_token;
pub(crate) mod origins;
pub(crate) mod revoked;
pub(crate) mod tokens;
