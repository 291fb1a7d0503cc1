//! The queue's statements.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use zkpool_types::limits::QUEUE_POSITION_MAX;

use super::time::UnixMs;
use crate::local_queue::{Receipt, TURNS_SAVED_MAX};
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
                "UPDATE turn SET served = MAX(served, (SELECT MAX(served) FROM turn) - ?2) + 1
                 WHERE grp = ?1",
            )?
            .execute(params![delivery.message.group, TURNS_SAVED_MAX])?;
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

/// How many messages are received before the one with this id, if groups take turns from now on, at
/// most [`QUEUE_POSITION_MAX`].
pub(super) fn position(
    connection: &Connection,
    now: UnixMs,
    id: &str,
    receives_max: u32,
) -> rusqlite::Result<Option<u64>> {
    let Some(place) = place(connection, now, id, receives_max)? else { return Ok(None) };
    let others = before_in_other_groups(connection, now, &place, receives_max)?;
    Ok(Some(place.rank.unsigned_abs().saturating_add(others).min(QUEUE_POSITION_MAX)))
}

/// Where a message stands in its group, and that group among others.
struct Place {
    group: String,
    /// Turns that its group will have had when it is the message's.
    turn: i64,
    /// What every group counts as having had, at least.
    level: i64,
    /// Messages before it in its group, at most [`QUEUE_POSITION_MAX`].
    rank: i64,
}

fn place(
    connection: &Connection,
    now: UnixMs,
    id: &str,
    receives_max: u32,
) -> rusqlite::Result<Option<Place>> {
    connection
        .prepare_cached(
            "SELECT grp, served, (SELECT MAX(served) FROM turn) - :saved AS level, (
                 SELECT COUNT(*) FROM (
                     SELECT 1 FROM message
                     WHERE message.grp = mine.grp AND message.seq < mine.seq
                         AND dead = 0 AND due_ms <= :now AND receives < :receives_max
                     LIMIT :max
                 )
             ) AS rank
             FROM message AS mine JOIN turn USING (grp)
             WHERE id = :id AND dead = 0 AND due_ms <= :now AND receives < :receives_max",
        )?
        .query_row(
            named_params! {
                ":id": id,
                ":now": now,
                ":receives_max": receives_max,
                ":saved": TURNS_SAVED_MAX,
                ":max": QUEUE_POSITION_MAX.cast_signed(),
            },
            |row| {
                let (group, served): (_, i64) = (row.get("grp")?, row.get("served")?);
                let (level, rank): (i64, i64) = (row.get("level")?, row.get("rank")?);
                let turn = if rank == 0 { served } else { served.max(level) + rank };
                Ok(Place { group, turn, level, rank })
            },
        )
        .optional()
}

/// Messages of other groups whose turns are earlier.
fn before_in_other_groups(
    connection: &Connection,
    now: UnixMs,
    place: &Place,
    receives_max: u32,
) -> rusqlite::Result<u64> {
    let Place { group, turn, level, rank: _ } = place;
    connection
        .prepare_cached(
            "SELECT COALESCE(SUM(MIN(
                 ready, 1 + MAX(0, :turn + (grp < :grp) - MAX(served, :level) - 1)
             )), 0) FROM (
                 SELECT grp, served, (
                     SELECT COUNT(*) FROM (
                         SELECT 1 FROM message
                         WHERE message.grp = turn.grp
                             AND dead = 0 AND due_ms <= :now AND receives < :receives_max
                         LIMIT :turn - :level + 1
                     )
                 ) AS ready
                 FROM turn WHERE (served, grp) < (:turn, :grp) AND grp <> :grp
             )",
        )?
        .query_row(
            named_params! {
                ":now": now,
                ":receives_max": receives_max,
                ":turn": turn,
                ":level": level,
                ":grp": group,
            },
            |row| count(row, 0),
        )
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
