//! What a [`Queue`](crate::Queue) must do.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{self, Either};
use zkpool_types::limits::QUEUE_POSITION_MAX;

use super::{Check, QueueUnderTest, RECEIVES_MAX, Violation, equal, holds, suite};
use crate::local_queue::TURNS_SAVED_MAX;
use crate::queue::BODY_BYTES_MAX;
use crate::{Delivery, Depth, Message, QueueError};

type Checked = Result<(), Violation>;

pub(super) const SUITE: &[(&str, Check<QueueUnderTest>)] = suite![
    a_message_is_received_as_it_was_sent,
    every_message_is_received,
    messages_that_are_sent_at_once_are_all_received,
    a_received_message_is_hidden,
    a_timed_out_delivery_is_received_again_and_counted,
    a_deleted_message_does_not_come_back,
    an_outdated_receipt_has_no_right,
    an_extended_delivery_stays_hidden,
    an_extension_may_shorten,
    a_released_message_is_visible_at_once_and_not_counted,
    a_delayed_message_is_not_visible_before_its_time,
    a_message_is_a_dead_letter_after_its_last_delivery,
    a_dead_letter_is_hidden_when_received_and_gone_when_deleted,
    a_body_above_the_limit_is_rejected,
    an_empty_queue_gives_nothing,
    a_waiting_receiver_gets_a_message_sent_meanwhile,
    a_waiting_receiver_gives_up_when_its_time_is_over,
];

pub(super) const ORDERED_SUITE: &[(&str, Check<QueueUnderTest>)] = suite![
    a_second_message_of_one_id_is_not_added,
    an_id_is_free_again_after_deletion,
    an_id_is_not_free_while_its_dead_letter_waits,
    no_group_starves_another,
    messages_of_a_group_are_received_oldest_first,
    positions_are_the_order_of_receipt,
    positions_are_counted_up_to_a_limit,
    a_group_that_let_others_go_first_has_some_turns_saved,
    positions_allow_for_saved_turns,
    depth_counts_every_message,
    a_delivery_comes_back_on_the_second,
    concurrent_receivers_never_share_a_delivery,
];

/// A visibility that ends within every check that lets time pass.
const VISIBILITY: Duration = Duration::from_secs(4);

/// A visibility that never ends within a check.
const LONG: Duration = Duration::from_secs(600);

/// How often an immediate receive is tried: a distributed queue may miss a message now and then.
const TRIES: usize = 5;

fn message(id: &str, group: &str) -> Message {
    Message { id: id.to_owned(), group: group.to_owned(), body: format!("body of {id}") }
}

impl QueueUnderTest {
    async fn pass(&self, time: Duration) {
        (self.advance)(time).await;
    }

    async fn send(&self, id: &str, group: &str) -> Checked {
        Ok(self.queue.send(message(id, group), Duration::ZERO).await?)
    }

    async fn send_all(&self, ids_and_groups: &[(&str, &str)]) -> Checked {
        for (id, group) in ids_and_groups {
            self.send(id, group).await?;
        }
        Ok(())
    }

    /// Receives one message that is there.
    async fn receive(&self, visibility: Duration) -> Result<Delivery, Violation> {
        for _ in 0..TRIES {
            if let Some(delivery) =
                self.queue.receive(1, visibility, Duration::ZERO).await?.into_iter().next()
            {
                return Ok(delivery);
            }
            self.pass(Duration::from_secs(1)).await;
        }
        Err(missing("a message to receive"))
    }

    async fn receive_dead(&self, visibility: Duration) -> Result<Delivery, Violation> {
        for _ in 0..TRIES {
            if let Some(letter) = self.queue.receive_dead(1, visibility).await?.into_iter().next() {
                return Ok(letter);
            }
            self.pass(Duration::from_secs(1)).await;
        }
        Err(missing("a dead letter to receive"))
    }

    async fn nothing_to_receive(&self) -> Checked {
        let found = self.queue.receive(10, LONG, Duration::ZERO).await?;
        holds("nothing is visible", found.is_empty(), &found)
    }

    /// Receives and lets time out, as often as the policy allows.
    async fn exhaust(&self) -> Checked {
        for count in 1..=RECEIVES_MAX {
            equal("receive count", &self.receive(VISIBILITY).await?.receive_count, &count)?;
            self.pass(VISIBILITY).await;
        }
        self.nothing_to_receive().await
    }

    /// Ids in the order in which they are received.
    async fn drain(&self) -> Result<Vec<String>, Violation> {
        let mut ids = Vec::new();
        while let [delivery] = &*self.queue.receive(1, LONG, Duration::ZERO).await? {
            ids.push(delivery.message.id.clone());
        }
        Ok(ids)
    }
}

fn missing(what: &'static str) -> Violation {
    Violation::Differs { what, expected: "one".to_owned(), found: "none".to_owned() }
}

fn expired(what: &'static str, result: &Result<(), QueueError>) -> Checked {
    holds(what, matches!(result, Err(QueueError::ReceiptExpired)), result)
}

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

async fn a_message_is_received_as_it_was_sent(on: QueueUnderTest) -> Checked {
    let sent = Message { body: "{\"job\":\"\u{e4}\\n\"}".to_owned(), ..message("1", "p") };
    on.queue.send(sent.clone(), Duration::ZERO).await?;
    let delivery = on.receive(LONG).await?;
    equal("body", &delivery.message.body, &sent.body)?;
    equal("receive count", &delivery.receive_count, &1)
}

async fn every_message_is_received(on: QueueUnderTest) -> Checked {
    let mut waiting = BTreeSet::new();
    for id in 0..25 {
        let message = message(&id.to_string(), if id % 2 == 0 { "p" } else { "q" });
        waiting.insert(message.body.clone());
        on.queue.send(message, Duration::ZERO).await?;
    }
    while !waiting.is_empty() {
        let delivery = on.receive(LONG).await?;
        holds("received once", waiting.remove(&delivery.message.body), &delivery)?;
    }
    on.nothing_to_receive().await
}

async fn messages_that_are_sent_at_once_are_all_received(on: QueueUnderTest) -> Checked {
    let too_large = Message { body: "x".repeat(BODY_BYTES_MAX + 1), ..message("large", "p") };
    let mut messages: Vec<_> = (0..25).map(|id| message(&id.to_string(), "p")).collect();
    messages.insert(3, too_large);
    let sent = on.queue.send_all(messages).await;
    let refused: Vec<_> = (0..).zip(&sent).filter(|(_, sent)| sent.is_err()).collect();
    let only_that = matches!(refused[..], [(3, Err(QueueError::BodyTooLarge { .. }))]);
    holds("the one that is too large is refused, and no other", only_that, &sent)?;
    let mut waiting: BTreeSet<_> = (0..25).map(|id| message(&id.to_string(), "p").body).collect();
    while !waiting.is_empty() {
        let delivery = on.receive(LONG).await?;
        holds("received once", waiting.remove(&delivery.message.body), &delivery)?;
    }
    on.nothing_to_receive().await
}

async fn a_received_message_is_hidden(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    on.receive(VISIBILITY).await?;
    on.nothing_to_receive().await
}

async fn a_timed_out_delivery_is_received_again_and_counted(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    let first = on.receive(VISIBILITY).await?;
    on.pass(VISIBILITY).await;
    let second = on.receive(VISIBILITY).await?;
    equal("receive counts", &(first.receive_count, second.receive_count), &(1, 2))?;
    holds("receipts differ", first.receipt != second.receipt, &"the same receipt")
}

async fn a_deleted_message_does_not_come_back(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    let delivery = on.receive(VISIBILITY).await?;
    on.queue.delete(&delivery.receipt).await?;
    on.pass(VISIBILITY).await;
    on.nothing_to_receive().await
}

async fn an_outdated_receipt_has_no_right(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    let stale = on.receive(VISIBILITY).await?;
    on.pass(VISIBILITY).await;
    let current = on.receive(LONG).await?;
    expired("outdated extension", &on.queue.extend(&stale.receipt, VISIBILITY).await)?;
    expired("outdated release", &on.queue.release(&stale.receipt).await)?;
    expired("outdated deletion", &on.queue.delete(&stale.receipt).await)?;
    on.nothing_to_receive().await?;
    on.queue.delete(&current.receipt).await?;
    expired("extension after deletion", &on.queue.extend(&current.receipt, VISIBILITY).await)
}

async fn an_extended_delivery_stays_hidden(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    let delivery = on.receive(VISIBILITY).await?;
    for _ in 0..3 {
        on.pass(VISIBILITY / 2).await;
        on.queue.extend(&delivery.receipt, VISIBILITY).await?;
    }
    on.pass(VISIBILITY / 2).await;
    on.nothing_to_receive().await?;
    on.queue.delete(&delivery.receipt).await?;
    Ok(())
}

async fn an_extension_may_shorten(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    let delivery = on.receive(LONG).await?;
    on.queue.extend(&delivery.receipt, Duration::ZERO).await?;
    equal("receive count", &on.receive(LONG).await?.receive_count, &2)
}

async fn a_released_message_is_visible_at_once_and_not_counted(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    // More often than would make a dead letter of it.
    for _ in 0..=RECEIVES_MAX {
        let delivery = on.receive(LONG).await?;
        equal("receive count", &delivery.receive_count, &1)?;
        on.queue.release(&delivery.receipt).await?;
        expired("deletion after release", &on.queue.delete(&delivery.receipt).await)?;
    }
    on.exhaust().await?;
    equal("dead letter", &on.receive_dead(LONG).await?.message.body, &message("1", "p").body)
}

async fn a_delayed_message_is_not_visible_before_its_time(on: QueueUnderTest) -> Checked {
    on.queue.send(message("1", "p"), VISIBILITY).await?;
    on.nothing_to_receive().await?;
    on.pass(VISIBILITY / 2).await;
    on.nothing_to_receive().await?;
    on.pass(VISIBILITY / 2).await;
    equal("receive count", &on.receive(LONG).await?.receive_count, &1)
}

async fn a_message_is_a_dead_letter_after_its_last_delivery(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    for count in 1..=RECEIVES_MAX {
        let dead = on.queue.receive_dead(10, LONG).await?;
        holds("it is not dead yet", dead.is_empty(), &dead)?;
        equal("receive count", &on.receive(VISIBILITY).await?.receive_count, &count)?;
        on.pass(VISIBILITY).await;
    }
    on.nothing_to_receive().await?;
    equal("dead letter", &on.receive_dead(LONG).await?.message.body, &message("1", "p").body)
}

async fn a_dead_letter_is_hidden_when_received_and_gone_when_deleted(
    on: QueueUnderTest,
) -> Checked {
    on.send("1", "p").await?;
    on.exhaust().await?;
    let first = on.receive_dead(VISIBILITY).await?;
    let hidden = on.queue.receive_dead(10, VISIBILITY).await?;
    holds("it is hidden", hidden.is_empty(), &hidden)?;
    on.pass(VISIBILITY).await;
    let second = on.receive_dead(VISIBILITY).await?;
    expired("outdated deletion", &on.queue.delete_dead(&first.receipt).await)?;
    on.queue.delete_dead(&second.receipt).await?;
    on.pass(VISIBILITY).await;
    let gone = on.queue.receive_dead(10, VISIBILITY).await?;
    holds("it is gone", gone.is_empty(), &gone)
}

async fn a_body_above_the_limit_is_rejected(on: QueueUnderTest) -> Checked {
    let of_length = |id, bytes| Message { body: "x".repeat(bytes), ..message(id, "p") };
    let sent = on.queue.send(of_length("1", BODY_BYTES_MAX + 1), Duration::ZERO).await;
    let refused = matches!(sent, Err(QueueError::BodyTooLarge { bytes, max })
        if (bytes, max) == (BODY_BYTES_MAX + 1, BODY_BYTES_MAX));
    holds("above the limit", refused, &sent)?;
    on.queue.send(of_length("2", BODY_BYTES_MAX), Duration::ZERO).await?;
    equal("length", &on.receive(LONG).await?.message.body.len(), &BODY_BYTES_MAX)
}

async fn an_empty_queue_gives_nothing(on: QueueUnderTest) -> Checked {
    on.nothing_to_receive().await?;
    equal("dead letters", &on.queue.receive_dead(10, LONG).await?.len(), &0)?;
    equal("depth", &on.queue.depth().await?, &Depth::default())
}

async fn a_waiting_receiver_gets_a_message_sent_meanwhile(on: QueueUnderTest) -> Checked {
    let receiving = on.queue.receive(1, LONG, Duration::from_secs(10));
    let (received, sent) = future::join(receiving, on.send("1", "p")).await;
    sent?;
    equal("messages", &received?.len(), &1)
}

async fn a_waiting_receiver_gives_up_when_its_time_is_over(on: QueueUnderTest) -> Checked {
    let time = Box::pin(async {
        loop {
            on.pass(Duration::from_millis(250)).await;
        }
    });
    let receiving = on.queue.receive(1, LONG, Duration::from_secs(2));
    match future::select(receiving, time).await {
        Either::Left((received, _)) => equal("messages", &received?.len(), &0),
        Either::Right((never, _)) => never,
    }
}

async fn a_second_message_of_one_id_is_not_added(on: QueueUnderTest) -> Checked {
    on.send_all(&[("1", "p"), ("1", "p")]).await?;
    on.receive(VISIBILITY).await?;
    on.send("1", "p").await?;
    on.nothing_to_receive().await?;
    on.pass(VISIBILITY).await;
    equal("received once more", &on.drain().await?, &owned(&["1"]))
}

async fn an_id_is_free_again_after_deletion(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    let first = on.receive(LONG).await?;
    on.queue.delete(&first.receipt).await?;
    on.send("1", "p").await?;
    let second = on.receive(LONG).await?;
    equal("receive count", &second.receive_count, &1)?;
    expired("the first receipt", &on.queue.delete(&first.receipt).await)
}

async fn an_id_is_not_free_while_its_dead_letter_waits(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    on.exhaust().await?;
    on.send("1", "p").await?;
    on.nothing_to_receive().await?;
    let letter = on.receive_dead(LONG).await?;
    equal("deliveries before it died", &letter.receive_count, &RECEIVES_MAX)?;
    expired("deletion as though alive", &on.queue.delete(&letter.receipt).await)?;
    on.queue.delete_dead(&letter.receipt).await?;
    on.send("1", "p").await?;
    equal("a new life", &on.receive(LONG).await?.receive_count, &1)
}

async fn no_group_starves_another(on: QueueUnderTest) -> Checked {
    for id in 0..100 {
        on.send(&format!("flood {id}"), "p").await?;
    }
    on.send_all(&[("q1", "q"), ("q2", "q"), ("r1", "r")]).await?;
    let firsts = on.queue.receive(6, LONG, Duration::ZERO).await?;
    let groups: Vec<_> = firsts.iter().map(|delivery| delivery.message.group.clone()).collect();
    equal("turns", &groups, &owned(&["p", "q", "r", "p", "q", "p"]))?;
    on.send("r2", "r").await?;
    equal("who is back has the next turn", &on.receive(LONG).await?.message.id, &"r2".to_owned())
}

async fn messages_of_a_group_are_received_oldest_first(on: QueueUnderTest) -> Checked {
    on.send_all(&[("3", "p"), ("1", "p"), ("2", "p")]).await?;
    let first = on.receive(LONG).await?;
    on.queue.release(&first.receipt).await?;
    equal("order", &on.drain().await?, &owned(&["3", "1", "2"]))
}

async fn positions_are_the_order_of_receipt(on: QueueUnderTest) -> Checked {
    let sent =
        [("p1", "p"), ("p2", "p"), ("p3", "p"), ("p4", "p"), ("q1", "q"), ("r1", "r"), ("r2", "r")];
    on.send_all(&sent).await?;
    // A state in which turns, held and delayed messages all matter.
    on.queue.receive(2, LONG, Duration::ZERO).await?;
    on.queue.send(message("q2", "q"), LONG).await?;
    on.send_all(&[("q3", "q"), ("o1", "o")]).await?;
    let mut told = Vec::new();
    for id in ["p1", "p2", "p3", "p4", "q1", "q2", "q3", "r1", "r2", "o1", "none"] {
        if let Some(position) = on.queue.position(id).await? {
            told.push((position, id.to_owned()));
        }
    }
    told.sort();
    let received = (0..).zip(on.drain().await?).collect::<Vec<_>>();
    equal("positions", &told, &received)
}

async fn a_group_that_let_others_go_first_has_some_turns_saved(on: QueueUnderTest) -> Checked {
    flood(&on, "p", 20).await?;
    on.queue.receive(12, LONG, Duration::ZERO).await?;
    flood(&on, "q", 12).await?;
    let next = on.queue.receive(12, LONG, Duration::ZERO).await?;
    let groups: Vec<_> = next.iter().map(|delivery| delivery.message.group.clone()).collect();
    let turns =
        ["q"].repeat(TURNS_SAVED_MAX as usize).into_iter().chain(["p", "q"].into_iter().cycle());
    equal("turns", &groups, &owned(&turns.take(12).collect::<Vec<_>>()))
}

async fn positions_allow_for_saved_turns(on: QueueUnderTest) -> Checked {
    flood(&on, "p", 40).await?;
    on.queue.receive(12, LONG, Duration::ZERO).await?;
    let mut ids: Vec<_> = (12..40).map(|number| format!("p{number}")).collect();
    for (group, count) in [("q", 12), ("r", 3), ("a", 30)] {
        flood(&on, group, count).await?;
        ids.extend((0..count).map(|number| format!("{group}{number}")));
        on.queue.receive(2, LONG, Duration::ZERO).await?;
    }
    let mut told = Vec::new();
    for id in ids {
        told.extend(on.queue.position(&id).await?.map(|position| (position, id)));
    }
    told.sort();
    let received = (0..).zip(on.drain().await?).collect::<Vec<_>>();
    equal("positions", &told, &received)
}

async fn flood(on: &QueueUnderTest, group: &str, count: u32) -> Checked {
    for number in 0..count {
        on.send(&format!("{group}{number}"), group).await?;
    }
    Ok(())
}

async fn positions_are_counted_up_to_a_limit(on: QueueUnderTest) -> Checked {
    for id in 0..QUEUE_POSITION_MAX + 2 {
        on.send(&id.to_string(), "p").await?;
    }
    on.send("other", "q").await?;
    let limit = Some(QUEUE_POSITION_MAX);
    for (id, position) in [
        (0, Some(0)),
        (QUEUE_POSITION_MAX - 2, Some(QUEUE_POSITION_MAX - 1)),
        (QUEUE_POSITION_MAX, limit),
        (QUEUE_POSITION_MAX + 1, limit),
    ] {
        equal("position", &on.queue.position(&id.to_string()).await?, &position)?;
    }
    equal("position in another group", &on.queue.position("other").await?, &Some(1))
}

async fn depth_counts_every_message(on: QueueUnderTest) -> Checked {
    on.send_all(&[("1", "p"), ("2", "p"), ("3", "q"), ("4", "q")]).await?;
    on.queue.send(message("5", "p"), LONG).await?;
    let delivery = on.receive(LONG).await?;
    let depth = Depth { visible: 3, in_flight: 1, delayed: 1 };
    equal("depth", &on.queue.depth().await?, &depth)?;
    on.queue.release(&delivery.receipt).await?;
    let depth = Depth { visible: 4, in_flight: 0, delayed: 1 };
    equal("depth after release", &on.queue.depth().await?, &depth)
}

async fn a_delivery_comes_back_on_the_second(on: QueueUnderTest) -> Checked {
    on.send("1", "p").await?;
    on.receive(VISIBILITY).await?;
    on.pass(VISIBILITY - Duration::from_millis(1)).await;
    on.nothing_to_receive().await?;
    on.pass(Duration::from_millis(1)).await;
    equal("messages", &on.queue.receive(10, LONG, Duration::ZERO).await?.len(), &1)
}

async fn concurrent_receivers_never_share_a_delivery(on: QueueUnderTest) -> Checked {
    for id in 0..60 {
        on.send(&id.to_string(), "p").await?;
    }
    let receivers = (0..16).map(|_| on.queue.receive(5, LONG, Duration::ZERO));
    let received = future::try_join_all(receivers).await?;
    let ids: Vec<_> = received.iter().flatten().map(|delivery| &delivery.message.id).collect();
    equal("deliveries", &ids.len(), &60)?;
    equal("messages delivered", &ids.iter().collect::<BTreeSet<_>>().len(), &60)
}
