//! From an empty server, or an older schema, to the tables of this version; and whose rows they are.
//!
//! Several may do so at once, as every step may be repeated and the end is the same for all. What is there
//! already is not made again: so a server may run as a user who can't make anything, once `rookery migrate`
//! has run as one who can.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::ControlFlow;

use rookery_schema::cql::{
    FIRST_VERSION, LOG_ID_KEY, META_TABLE, MIGRATIONS, SCHEMA_VERSION, SCHEMA_VERSION_KEY,
    create_keyspace, in_keyspace, name_bucket, name_buckets,
};
use rookery_schema::names::{is_key, key_of};
use scylla::client::session::Session;
use scylla::response::PagingState;
use scylla::serialize::row::SerializeRow;
use uuid::Uuid;

use super::connect::{Trouble, open};
use super::error::ScyllaError;
use super::failure::DriverError;
use super::settings::Settings;

/// Whether a keyspace is there; every user may ask.
const FIND_KEYSPACE: &str =
    "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
/// Whether a table is there.
const FIND_TABLE: &str =
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";

/// Makes the keyspace where there is none, and says in which datacenter it was reached.
pub(super) async fn prepare_keyspace(settings: &Settings) -> Result<String, DriverError> {
    let session = open(settings, None).await?;
    let (datacenter, nodes) = own_datacenter(&session, settings).await?;
    let keyspace = &settings.keyspace;
    if !exists(&session, FIND_KEYSPACE, (keyspace,)).await? {
        run(&session, &create_keyspace(keyspace, &datacenter, nodes)).await?;
    }
    Ok(datacenter)
}

/// The datacenter of the nodes that were named, and how many it has. Where none of them is known by the
/// address that it was reached at, any will do: there is but one datacenter then, or a proxy in between.
pub(super) async fn own_datacenter(
    session: &Session,
    settings: &Settings,
) -> Result<(String, usize), DriverError> {
    let mut named = HashSet::new();
    for node in &settings.nodes {
        // What can't be resolved was not what answered.
        let addresses = tokio::net::lookup_host(node).await;
        named.extend(addresses.into_iter().flatten().map(|at| at.ip()));
    }
    let cluster = session.get_cluster_state();
    let nodes = cluster.get_nodes_info();
    let own = nodes
        .iter()
        .find(|node| named.contains(&node.address.ip()))
        .or_else(|| nodes.first())
        .and_then(|node| node.datacenter.clone())
        .ok_or_else(|| DriverError::new("no node tells its datacenter"))?;
    let there = nodes
        .iter()
        .filter(|node| node.datacenter.as_ref() == Some(&own));
    let count = there.count();
    Ok((own, count))
}

/// Runs the migrations that a keyspace has not had, and says what version it has: one that only adds a
/// table is counted when something is written into it.
pub(super) async fn migrate_tables(session: &Session, keyspace: &str) -> Result<u32, Trouble> {
    if !exists(session, FIND_TABLE, (keyspace, "meta")).await? {
        run(session, &in_keyspace(META_TABLE, keyspace)).await?;
    }
    let found = version(session, keyspace).await?;
    for migration in MIGRATIONS.iter().filter(|step| step.version > found) {
        if exists(session, FIND_TABLE, (keyspace, migration.table)).await? {
            continue;
        }
        for statement in migration.statements {
            run(session, &in_keyspace(statement, keyspace)).await?;
        }
        tracing::info!(
            keyspace,
            table = migration.table,
            "the store's schema was upgraded"
        );
    }
    if found == 0 {
        let version = FIRST_VERSION.to_string();
        set_meta(session, keyspace, SCHEMA_VERSION_KEY, &version).await?;
    }
    Ok(found.max(FIRST_VERSION))
}

/// Finds the names that are not their own keys, where versions before keys may have written some, and keeps them by their
/// keys. Buckets below `next` are done. What was interrupted is done again: at each start, until this version has written
/// what older ones can't open.
pub(super) async fn index_names(
    session: &Session,
    keyspace: &str,
    next: &Cell<i32>,
) -> Result<(), DriverError> {
    let prepare = async |text| session.prepare(in_keyspace(text, keyspace)).await;
    let names =
        prepare("SELECT username, user_id FROM KEYSPACE.users_by_name WHERE bucket = ?").await?;
    let add = prepare(
        "INSERT INTO KEYSPACE.names_by_key (bucket, key, username, user_id) VALUES (?, ?, ?, ?)",
    )
    .await?;
    for bucket in name_buckets().filter(|bucket| *bucket >= next.get()) {
        let mut state = PagingState::start();
        loop {
            let page = session.execute_single_page(&names, (bucket,), state);
            let (page, following) = page.await?;
            let page = page.into_rows_result().map_err(DriverError::new)?;
            for row in page.rows::<(String, Uuid)>().map_err(DriverError::new)? {
                let (name, user_id) = row.map_err(DriverError::new)?;
                if !is_key(&name) {
                    let key = &*key_of(&name);
                    let values = (name_bucket(key), key, &*name, user_id);
                    session.execute_unpaged(&add, values).await?;
                }
            }
            match following.into_paging_control_flow() {
                ControlFlow::Continue(following) => state = following,
                ControlFlow::Break(()) => break,
            }
        }
        next.set(bucket + 1);
    }
    Ok(())
}

/// The version of the schema; 0 in a new keyspace.
async fn version(session: &Session, keyspace: &str) -> Result<u32, Trouble> {
    let Some(value) = meta(session, keyspace, SCHEMA_VERSION_KEY).await? else {
        return Ok(0);
    };
    match value.parse() {
        Ok(found) if found > SCHEMA_VERSION => Err(ScyllaError::NewerSchema {
            keyspace: keyspace.to_owned(),
            found,
            known: SCHEMA_VERSION,
        }
        .into()),
        Ok(found) => Ok(found),
        Err(_) => Err(malformed(keyspace, SCHEMA_VERSION_KEY, value).into()),
    }
}

/// Takes the keyspace for a log where it has none. Two logs that do so in the same moment are not kept
/// apart: their servers have to be started by the same hand.
pub(super) async fn claim(session: &Session, keyspace: &str, log_id: Uuid) -> Result<(), Trouble> {
    let Some(value) = meta(session, keyspace, LOG_ID_KEY).await? else {
        return Ok(set_meta(session, keyspace, LOG_ID_KEY, &log_id.to_string()).await?);
    };
    match value.parse::<Uuid>() {
        Ok(found) if found == log_id => Ok(()),
        Ok(found) => Err(ScyllaError::OtherLog {
            keyspace: keyspace.to_owned(),
            found,
            wanted: log_id,
        }
        .into()),
        Err(_) => Err(malformed(keyspace, LOG_ID_KEY, value).into()),
    }
}

fn malformed(keyspace: &str, key: &'static str, value: String) -> ScyllaError {
    ScyllaError::Malformed {
        keyspace: keyspace.to_owned(),
        key,
        value,
    }
}

async fn meta(session: &Session, keyspace: &str, key: &str) -> Result<Option<String>, DriverError> {
    let text = in_keyspace("SELECT value FROM KEYSPACE.meta WHERE key = ?", keyspace);
    first_text(session, &text, (key,)).await
}

async fn exists(
    session: &Session,
    statement: &str,
    values: impl SerializeRow,
) -> Result<bool, DriverError> {
    Ok(first_text(session, statement, values).await?.is_some())
}

/// The first row's only column.
async fn first_text(
    session: &Session,
    statement: &str,
    values: impl SerializeRow,
) -> Result<Option<String>, DriverError> {
    let rows = session.query_unpaged(statement, values).await?;
    let rows = rows.into_rows_result().map_err(DriverError::new)?;
    let first = rows.maybe_first_row::<(String,)>();
    Ok(first.map_err(DriverError::new)?.map(|(value,)| value))
}

async fn set_meta(
    session: &Session,
    keyspace: &str,
    key: &str,
    value: &str,
) -> Result<(), DriverError> {
    let text = in_keyspace(
        "INSERT INTO KEYSPACE.meta (key, value) VALUES (?, ?)",
        keyspace,
    );
    session.query_unpaged(text, (key, value)).await?;
    Ok(())
}

async fn run(session: &Session, statement: &str) -> Result<(), DriverError> {
    session.query_unpaged(statement, ()).await?;
    Ok(())
}

/// All rows of a small table.
pub(super) async fn rows<R>(session: &Session, statement: &str) -> Result<Vec<R>, DriverError>
where
    R: for<'f> scylla::deserialize::row::DeserializeRow<'f, 'f>,
{
    let rows = session.query_unpaged(statement, ()).await?;
    let rows = rows.into_rows_result().map_err(DriverError::new)?;
    let rows = rows.rows::<R>().map_err(DriverError::new)?;
    rows.collect::<Result<_, _>>().map_err(DriverError::new)
}
