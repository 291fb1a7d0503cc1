//! The queue's statements.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::time::UnixMs;
use crate::local_queue::Receipt;
use crate::{Delivery, Depth, Message};

/// Adds a message unless one of its id is there.
pub(super) fn add(connection: &Connection, message: &Message, due: UnixMs) -> rusqlite::Result<()> {
    let Message { id, group, body } = message;
    connection
        .prepare_cached("INSERT INTO turn (grp, served) VALUES (?1, 0) ON CONFLICT DO NOTHING")?
        .execute([group])?;
    connection
        .prepare_cached(
            "INSERT INTO message (id, grp, body, due_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![id, group, body, due])?;
    Ok(())
}

/// When the next message comes due, if there is any; in the past where one is due already.
pub(super) fn next_due(connection: &Connection) -> rusqlite::Result<Option<UnixMs>> {
    connection
        .prepare_cached("SELECT MIN(due_ms) FROM message WHERE dead = 0")?
        .query_row([], |row| row.get(0))
}

/// Takes at most `max` messages that are due, group by group, and hides them.
pub(super) fn receive(
    connection: &Connection,
    now: UnixMs,
    visibility: Duration,
    max: usize,
    receives_max: u32,
) -> rusqlite::Result<Vec<Delivery>> {
    bury(connection, now, receives_max)?;
    let mut deliveries = Vec::new();
    while deliveries.len() < max {
        let Some(delivery) = receive_one(connection, now, now.after(visibility))? else { break };
        connection
            .prepare_cached(
                "UPDATE turn SET served = (SELECT MAX(served) + 1 FROM turn) WHERE grp = ?1",
            )?
            .execute([&delivery.message.group])?;
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

/// Makes dead letters of messages that have come due once more after their last delivery.
fn bury(connection: &Connection, now: UnixMs, receives_max: u32) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE message SET dead = 1, held = 0
             WHERE dead = 0 AND receives >= ?1 AND due_ms <= ?2",
        )?
        .execute(params![receives_max, now])
}

fn receive_one(
    connection: &Connection,
    now: UnixMs,
    until: UnixMs,
) -> rusqlite::Result<Option<Delivery>> {
    connection
        .prepare_cached(
            "UPDATE message
             SET due_ms = :until, held = 1, receives = receives + 1, deliveries = deliveries + 1
             WHERE seq = (
                 SELECT oldest FROM (
                     SELECT served, grp, (
                         SELECT seq FROM message
                         WHERE dead = 0 AND message.grp = turn.grp AND due_ms <= :now
                         ORDER BY seq LIMIT 1
                     ) AS oldest
                     FROM turn
                 )
                 WHERE oldest IS NOT NULL ORDER BY served, grp LIMIT 1
             )
             RETURNING seq, deliveries, receives, id, grp, body",
        )?
        .query_row(named_params! { ":now": now, ":until": until }, delivery)
        .optional()
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let receipt = Receipt { seq: row.get("seq")?, delivery: row.get("deliveries")? };
    Ok(Delivery {
        message: Message { id: row.get("id")?, group: row.get("grp")?, body: row.get("body")? },
        receipt: receipt.handle(),
        receive_count: row.get("receives")?,
    })
}

/// Takes at most `max` dead letters that are due and hides them.
pub(super) fn receive_dead(
    connection: &Connection,
    now: UnixMs,
    visibility: Duration,
    max: usize,
    receives_max: u32,
) -> rusqlite::Result<Vec<Delivery>> {
    bury(connection, now, receives_max)?;
    connection
        .prepare_cached(
            "UPDATE message SET due_ms = :until, held = 1, deliveries = deliveries + 1
             WHERE seq IN (
                 SELECT seq FROM message WHERE dead = 1 AND due_ms <= :now ORDER BY seq LIMIT :max
             )
             RETURNING seq, deliveries, receives, id, grp, body",
        )?
        .query_map(
            named_params! { ":now": now, ":until": now.after(visibility), ":max": i64::try_from(max).unwrap_or(-1) },
            delivery,
        )?
        .collect()
}

/// Deletes a message, or with `dead` a dead letter, that is held; how many there were.
pub(super) fn delete(
    connection: &Connection,
    receipt: Receipt,
    dead: bool,
) -> rusqlite::Result<usize> {
    let Receipt { seq, delivery } = receipt;
    connection
        .prepare_cached(
            "DELETE FROM message WHERE seq = ?1 AND deliveries = ?2 AND held = 1 AND dead = ?3",
        )?
        .execute(params![seq, delivery, dead])
}

/// Makes a message that is held due at another time; how many there were.
pub(super) fn extend(
    connection: &Connection,
    due: UnixMs,
    receipt: Receipt,
) -> rusqlite::Result<usize> {
    let Receipt { seq, delivery } = receipt;
    connection
        .prepare_cached(
            "UPDATE message SET due_ms = ?3
             WHERE seq = ?1 AND deliveries = ?2 AND held = 1 AND dead = 0",
        )?
        .execute(params![seq, delivery, due])
}

/// Takes a delivery back as though it had not been; how many there were.
pub(super) fn release(
    connection: &Connection,
    due: UnixMs,
    receipt: Receipt,
) -> rusqlite::Result<usize> {
    let Receipt { seq, delivery } = receipt;
    connection
        .prepare_cached(
            "UPDATE message SET due_ms = ?3, held = 0, receives = receives - 1
             WHERE seq = ?1 AND deliveries = ?2 AND held = 1 AND dead = 0",
        )?
        .execute(params![seq, delivery, due])
}

/// How many messages are received before the one with this id, if groups take turns from now on.
///
/// Of each other group as many as come before it in its own, and one more where that group's
/// turn is earlier.
pub(super) fn position(
    connection: &Connection,
    now: UnixMs,
    id: &str,
    receives_max: u32,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached(
            "WITH mine AS (
                 SELECT seq, grp, served FROM message JOIN turn USING (grp)
                 WHERE id = :id AND dead = 0 AND due_ms <= :now AND receives < :receives_max
             ),
             rank AS (
                 SELECT COUNT(*) AS n FROM message JOIN mine USING (grp)
                 WHERE message.seq < mine.seq
                     AND dead = 0 AND due_ms <= :now AND receives < :receives_max
             ),
             ready AS MATERIALIZED (
                 SELECT grp, COUNT(*) AS n FROM message
                 WHERE dead = 0 AND due_ms <= :now AND receives < :receives_max
                 GROUP BY grp
             )
             SELECT rank.n + COALESCE((
                 SELECT SUM(MIN(ready.n, rank.n + turn_first)) FROM (
                     SELECT ready.n, (turn.served, turn.grp) < (mine.served, mine.grp) AS turn_first
                     FROM ready JOIN turn USING (grp) JOIN mine ON turn.grp <> mine.grp
                 ) AS ready
             ), 0)
             FROM mine, rank",
        )?
        .query_row(named_params! { ":id": id, ":now": now, ":receives_max": receives_max }, |row| {
            count(row, 0)
        })
        .optional()
}

/// How many messages there are.
pub(super) fn depth(
    connection: &Connection,
    now: UnixMs,
    receives_max: u32,
) -> rusqlite::Result<Depth> {
    connection
        .prepare_cached(
            "SELECT COUNT(*) FILTER (WHERE due_ms <= :now AND receives < :receives_max),
                    COUNT(*) FILTER (WHERE due_ms > :now AND held),
                    COUNT(*) FILTER (WHERE due_ms > :now AND NOT held)
             FROM message WHERE dead = 0",
        )?
        .query_row(named_params! { ":now": now, ":receives_max": receives_max }, |row| {
            Ok(Depth {
                visible: count(row, 0)?,
                in_flight: count(row, 1)?,
                delayed: count(row, 2)?,
            })
        })
}

/// A count, which SQLite gives as a signed number.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::unsigned_abs)
}
